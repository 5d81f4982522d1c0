-- Locks schedules whose next instant has come, the longest due first.
--: one batch
select tenant, name, source, deployment, task, args, job, spec, anchor_at, next_at, last_at, fired_at, paused, parked,
    fired, skipped, created_at, updated_at, due_at, :now
from holdfast_schedules
where due_at <= :now
order by due_at
limit :batch
