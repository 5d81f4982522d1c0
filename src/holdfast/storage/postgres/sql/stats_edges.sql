-- The first and the last tenant with live jobs; when the ready job that waits longest was due, over the first thousand
-- tenants and priorities, and when the next scheduled one is due, whoever's.
--: read one
with recursive ready (rank, tenant, due, step) as (
    (select (-priority::int8), tenant, due, 1 from "holdfast".jobs
    where state = 'ready' and tenant <> '' order by (-priority::int8), tenant, due, seq limit 1)
    union all
    select n.rank, n.tenant, n.due, r.step + 1
    from ready r
    cross join lateral (
        select (-priority::int8) as rank, tenant, due from "holdfast".jobs
        where state = 'ready' and tenant <> '' and ((-priority::int8), tenant) > (r.rank, r.tenant)
        order by (-priority::int8), tenant, due, seq limit 1
    ) as n
    where r.step < 1000
)
select (select tenant from "holdfast".jobs order by tenant, id limit 1),
    (select tenant from "holdfast".jobs order by tenant desc, id desc limit 1),
    (select min(due) from ready),
    (select due from "holdfast".jobs where state = 'scheduled' order by due limit 1)
