-- One schedule.
--: read one tenant, name
select tenant, name, source, deployment, task, args, job, spec, anchor_at, next_at, last_at, fired_at, paused, parked,
    fired, skipped, created_at, updated_at
from "holdfast".schedules where tenant = :tenant::text and name = :name::text
