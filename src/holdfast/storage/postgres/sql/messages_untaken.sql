-- Locks messages of these pipes that no task was given, a page at a time.
--: one pipes, batch
select m.tenant, m.id::text, m.pipe, m.seq
from unnest(:pipes::text[]) as p (pipe)
cross join lateral (
    select tenant, id, pipe, seq from "holdfast".messages where pipe = p.pipe and taken = 0
    order by pipe, seq limit (select :batch::int4)
    for update skip locked
) as m
