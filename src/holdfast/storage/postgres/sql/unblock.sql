-- Jobs that waited for a worker that knows their task become ready, a page at a time; those with gates stand in line
-- again, of which each answers true.
--: one tasks, batch
update "holdfast".jobs
set state = case when gates is null then 'ready' else 'blocked' end,
    reason = case when gates is not null then 'gate_entry' end,
    updated_at = coalesce(:now::timestamptz, statement_timestamp())
where ctid = any (array (
    select ctid from "holdfast".jobs
    where state = 'blocked' and reason <> 'gate' and reason = 'unknown_task' and task = any (:tasks::text[])
    limit :batch::int4
    for update skip locked
))
returning gates is not null
