-- Ends of jobs after an instant that somebody hears of and that are no messages yet, in order. History is walked by its
-- instants, and each row asks who hears of it: otherwise the planner sorts all that came since.
--: one pos, batch
select e.pipe, h.tenant, h.id::text, h.version, h.task, h.state, h.reason, h.args, h.result, h.errors, h.finished_at
from "holdfast".history h
cross join lateral (
    select pipe from "holdfast".heard
    where task = h.task and (state is null or state = h.state) and since <= h.finished_at
    offset 0
) as e
where h.crashes >= 0 and h.finished_at > timestamptz 'epoch' + :pos::int8 * interval '1 microsecond' and (
    select m.seq from "holdfast".messages m
    where m.tenant = h.tenant and m.pipe = e.pipe and m.key = h.id::text || ':' || h.version || ':' || h.state
    limit 1) is null
order by h.finished_at
limit (select :batch::int4)
