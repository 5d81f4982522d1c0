-- Ends of jobs after a place in history that somebody hears of and that are no messages yet, in order.
--: one pos, batch
select e.pipe, h.tenant, h.id, h.version, h.task, h.state, h.reason, h.args, h.result, h.errors, h.finished_at
from holdfast_history h
join holdfast_heard e on e.task = h.task and (e.state is null or e.state = h.state) and h.finished_at >= e.since
where h.pos > :pos and not exists (
    select 1 from holdfast_messages m
    where m.tenant = h.tenant and m.pipe = e.pipe and m.key = h.id || ':' || h.version || ':' || h.state)
order by h.pos, e.pipe
limit :batch
