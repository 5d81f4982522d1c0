-- Locks schedules that are parked, for a decision about them in the same transaction: a page after a cursor.
--: one after_tenant, after_name, batch
select tenant, name, source, deployment, task, args, job, spec, anchor_at, next_at, last_at, fired_at, paused, parked,
    fired, skipped, created_at, updated_at
from holdfast_schedules
where parked is not null and (tenant, name) > (:after_tenant, :after_name)
order by tenant, name
limit :batch
