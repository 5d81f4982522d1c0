-- Which tenants have ready jobs, at the best priority from behind a tenant on and then at the next ones: one look into
-- the index for each line, and what its tenant's turns weigh.
--: read one after_tenant, batch
with recursive line (rank, tenant, number) as (
    (select (-j.priority::int8), j.tenant, 1 from "holdfast".jobs j
    where j.state = 'ready' and j.tenant <> '' and ((-j.priority::int8), j.tenant) > ((
        select (-h.priority::int8) from "holdfast".jobs h where h.state = 'ready' and h.tenant <> ''
        order by (-h.priority::int8), h.tenant, h.due, h.seq limit 1), :after_tenant::text)
    order by (-j.priority::int8), j.tenant, j.due, j.seq limit 1)
    union all
    select next.rank, next.tenant, line.number + 1
    from line cross join lateral (
        select (-j.priority::int8) as rank, j.tenant from "holdfast".jobs j
        where j.state = 'ready' and j.tenant <> '' and ((-j.priority::int8), j.tenant) > (line.rank, line.tenant)
        order by (-j.priority::int8), j.tenant, j.due, j.seq limit 1) as next
    where line.number < :batch::int4
)
select line.rank, line.tenant, coalesce(t.weight, 1)
from line left join "holdfast".tenants t on t.tenant = line.tenant
order by line.rank, line.number
