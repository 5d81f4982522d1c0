-- Locks the schedules that a worker may have to change when it starts: those that code declared for its tasks or its
-- deployment, and those of its tasks that are parked. Always in one order, so that two workers never wait for each other.
--: one tasks, deployment
select tenant, name, source, deployment, task, args, job, spec, anchor_at, next_at, last_at, fired_at, paused, parked,
    fired, skipped, created_at, updated_at
from holdfast_schedules s
where s.rowid in (
    select t.rowid from json_each(:tasks) k join holdfast_schedules t on t.task = k.value
        where t.source = 'code' or t.parked is not null
    union
    select d.rowid from holdfast_schedules d where d.deployment = :deployment and d.source = 'code'
)
order by tenant, name
