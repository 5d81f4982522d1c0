-- Schedules by name, a page from a cursor on.
--: read one tenant, after, batch
select tenant, name, source, deployment, task, args, job, spec, anchor_at, next_at, last_at, fired_at, paused, parked,
    fired, skipped, created_at, updated_at
from "holdfast".schedules
where tenant = :tenant::text and name > coalesce(:after::text, '')
order by name
limit :batch::int4
