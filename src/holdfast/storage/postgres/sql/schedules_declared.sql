-- Locks the schedules that a worker may have to change when it starts: those that code declared for its tasks or its
-- deployment, and those of its tasks that are parked. Always in one order, so that two workers never wait for each other.
--: one tasks, deployment
select tenant, name, source, deployment, task, args, job, spec, anchor_at, next_at, last_at, fired_at, paused, parked,
    fired, skipped, created_at, updated_at
from "holdfast".schedules
where (task = any (:tasks::text[]) and (source = 'code' or parked is not null))
    or (deployment = :deployment::text and source = 'code')
order by tenant, name
for update
