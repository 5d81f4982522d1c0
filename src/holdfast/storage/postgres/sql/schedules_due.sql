-- Locks schedules whose next instant has come, the longest due first.
--: one batch
select tenant, name, source, deployment, task, args, job, spec, anchor_at, next_at, last_at, fired_at, paused, parked,
    fired, skipped, created_at, updated_at, due_at,
    coalesce(:now::timestamptz, statement_timestamp())
from "holdfast".schedules
where due_at <= coalesce(:now::timestamptz, statement_timestamp())
order by due_at
limit (select :batch::int4)
for update skip locked
