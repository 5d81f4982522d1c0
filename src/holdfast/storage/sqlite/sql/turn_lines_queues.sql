-- The same of some queues, of each so many lines; see turn_lines.sql.
--: read one queues, after_tenant, batch
with recursive best (queue, rank) as (
    select asked.value, (select -priority from holdfast_jobs where state = 'ready' and queue = asked.value
        order by -priority, tenant, due, seq limit 1)
    from json_each(:queues) asked
), line (seq, number) as (
    select coalesce(
        (select j.seq from holdfast_jobs j where j.state = 'ready' and j.queue = best.queue
            and -j.priority = best.rank and j.tenant > :after_tenant order by j.tenant, j.due, j.seq limit 1),
        (select j.seq from holdfast_jobs j where j.state = 'ready' and j.queue = best.queue
            and -j.priority > best.rank order by -j.priority, j.tenant, j.due, j.seq limit 1)), 1
    from best where best.rank is not null
    union all
    select coalesce(
        (select j.seq from holdfast_jobs j where j.state = 'ready' and j.queue = h.queue
            and -j.priority = -h.priority and j.tenant > h.tenant order by j.tenant, j.due, j.seq limit 1),
        (select j.seq from holdfast_jobs j where j.state = 'ready' and j.queue = h.queue
            and -j.priority > -h.priority order by -j.priority, j.tenant, j.due, j.seq limit 1)), line.number + 1
    from line cross join holdfast_jobs h on h.seq = line.seq
    where line.number < :batch
)
select -h.priority, h.tenant, coalesce(t.weight, 1), h.queue
from line cross join holdfast_jobs h on h.seq = line.seq
left join holdfast_tenants t on t.tenant = h.tenant
order by -h.priority, line.number
