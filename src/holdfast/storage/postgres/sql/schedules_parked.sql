-- Locks schedules that are parked, for a decision about them in the same transaction.
--: one batch
select tenant, name, source, deployment, task, args, job, spec, anchor_at, next_at, last_at, fired_at, paused, parked,
    fired, skipped, created_at, updated_at
from "holdfast".schedules
where parked is not null
order by updated_at
limit (select :batch::int4)
for update skip locked
