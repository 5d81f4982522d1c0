-- Which tenants have ready jobs, at the best priority from behind a tenant on and then at the next ones: one look into
-- the index for each line, and what its tenant's turns weigh.
--: read one after_tenant, batch
with recursive best (rank) as (
    select -priority from holdfast_jobs where state = 'ready' order by -priority, tenant, due, seq limit 1
), line (seq, number) as (
    select coalesce(
        (select seq from holdfast_jobs where state = 'ready' and -priority = best.rank and tenant > :after_tenant
            order by tenant, due, seq limit 1),
        (select seq from holdfast_jobs where state = 'ready' and -priority > best.rank
            order by -priority, tenant, due, seq limit 1)), 1
    from best
    union all
    select coalesce(
        (select j.seq from holdfast_jobs j where j.state = 'ready' and -j.priority = -h.priority and j.tenant > h.tenant
            order by j.tenant, j.due, j.seq limit 1),
        (select j.seq from holdfast_jobs j where j.state = 'ready' and -j.priority > -h.priority
            order by -j.priority, j.tenant, j.due, j.seq limit 1)), line.number + 1
    from line cross join holdfast_jobs h on h.seq = line.seq
    where line.number < :batch
)
select -h.priority, h.tenant, coalesce(t.weight, 1)
from line cross join holdfast_jobs h on h.seq = line.seq
left join holdfast_tenants t on t.tenant = h.tenant
order by -h.priority, line.number
