-- Ends that nobody hears any more: they trigger nothing, and no job waits for one. Who asks for one anew meanwhile has
-- changed `seen_at`, so that it stays.
--: one
delete from "holdfast".heard h
where h.seen_at < coalesce(:now::timestamptz, statement_timestamp()) - interval '1 hour'
    and not exists (select from "holdfast".triggers t where t.pipe = h.pipe)
    and not exists (select from "holdfast".asks a where a.pipe = h.pipe and a.taken_at is null)
returning 1
