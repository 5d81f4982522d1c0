-- Gives leadership up, if it is ours, so that the next one need not wait.
--: one role, boot
update "holdfast".leaders
set expires_at = coalesce(:now::timestamptz, statement_timestamp()) - interval '1 second'
where role = :role::text and boot = :boot::text
returning term
