-- Ends of a task's jobs from an instant on that are no messages of a pipe yet, in order. Not by an index of tenants.
--: one tenant, pipe, task, since, batch
select :pipe::text, h.tenant, h.id::text, h.version, h.task, h.state, h.reason, h.args, h.result, h.errors, h.finished_at
from "holdfast".history h
where h.crashes >= 0 and h.finished_at >= timestamptz 'epoch' + :since::int8 * interval '1 microsecond'
    and concat(h.tenant) = :tenant::text and h.task = :task::text and (
        select m.seq from "holdfast".messages m
        where m.tenant = h.tenant and m.pipe = :pipe::text
            and m.key = h.id::text || ':' || h.version || ':' || h.state
        limit 1) is null
order by h.finished_at
limit (select :batch::int4)
