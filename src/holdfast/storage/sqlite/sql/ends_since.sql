-- Ends of a task's jobs from an instant on that are no messages of a pipe yet, in order.
--: one tenant, pipe, task, since, batch
select :pipe, tenant, id, version, task, state, reason, args, result, errors, finished_at
from holdfast_history h
where pos > coalesce((select pos from holdfast_history where pos > 0 and finished_at < :since order by pos desc limit 1), 0)
    and tenant = :tenant and task = :task and finished_at >= :since and not exists (
        select 1 from holdfast_messages m
        where m.tenant = h.tenant and m.pipe = :pipe and m.key = h.id || ':' || h.version || ':' || h.state)
order by pos
limit :batch
