-- Jobs that waited for a worker that knows their task become ready, a page at a time.
--: one tasks, batch
update "holdfast".jobs
set state = 'ready', reason = null, updated_at = coalesce(:now::timestamptz, statement_timestamp())
where ctid = any (array (
    select ctid from "holdfast".jobs
    where state = 'blocked' and reason = 'unknown_task' and task = any (:tasks::text[])
    limit :batch::int4
    for update skip locked
))
returning 1
