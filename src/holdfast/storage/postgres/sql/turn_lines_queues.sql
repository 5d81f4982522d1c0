-- The same of some queues, of each so many lines; see turn_lines.sql.
--: read one queues, after_tenant, batch
with recursive line (queue, rank, tenant, number) as (
    select asked.queue, first.rank, first.tenant, 1
    from unnest(:queues::text[]) as asked (queue) cross join lateral (
        select (-j.priority::int8) as rank, j.tenant from "holdfast".jobs j
        where j.state = 'ready' and j.queue <> '' and j.queue = asked.queue
            and ((-j.priority::int8), j.tenant) > ((
                select (-h.priority::int8) from "holdfast".jobs h
                where h.state = 'ready' and h.queue <> '' and h.queue = asked.queue
                order by h.queue, (-h.priority::int8), h.tenant, h.due, h.seq limit 1), :after_tenant::text)
        order by j.queue, (-j.priority::int8), j.tenant, j.due, j.seq limit 1) as first
    union all
    select line.queue, next.rank, next.tenant, line.number + 1
    from line cross join lateral (
        select (-j.priority::int8) as rank, j.tenant from "holdfast".jobs j
        where j.state = 'ready' and j.queue <> '' and j.queue = line.queue
            and ((-j.priority::int8), j.tenant) > (line.rank, line.tenant)
        order by j.queue, (-j.priority::int8), j.tenant, j.due, j.seq limit 1) as next
    where line.number < :batch::int4
)
select line.rank, line.tenant, coalesce(t.weight, 1), line.queue
from line left join "holdfast".tenants t on t.tenant = line.tenant
order by line.rank, line.number
