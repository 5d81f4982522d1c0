-- Ends of jobs after an instant that somebody hears of and that are no messages yet, in order.
--: read one pos, batch
select e.pipe, h.tenant, h.id::text, h.version, h.task, h.state, h.reason, h.args, h.result, h.errors, h.finished_at
from "holdfast".history h
join "holdfast".heard e on e.task = h.task and (e.state is null or e.state = h.state) and h.finished_at >= e.since
where h.crashes >= 0 and h.finished_at > timestamptz 'epoch' + :pos::int8 * interval '1 microsecond' and not exists (
    select from "holdfast".messages m
    where m.tenant = h.tenant and m.pipe = e.pipe and m.key = h.id::text || ':' || h.version || ':' || h.state)
order by h.finished_at, h.id, e.pipe
limit (select :batch::int4)
