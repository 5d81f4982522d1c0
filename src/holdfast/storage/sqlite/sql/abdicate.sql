-- Gives leadership up, if it is ours, so that the next one need not wait.
--: one role, boot
update holdfast_leaders set expires_at = :now - 1000000 where role = :role and boot = :boot returning term
