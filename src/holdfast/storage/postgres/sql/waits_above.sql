-- All that waits for these jobs or batches, directly or through others: 10,000 for one at most.
--: read rows tenant, id
select a.ord, w.id::text
from unnest(:tenant::text[], :id::uuid[]) with ordinality as a (tenant, id, ord)
cross join lateral (
    with recursive above (id) as (
        select id from "holdfast".waits where tenant = a.tenant and job = a.id
        union
        select n.id from above cross join lateral (
            select w.id from "holdfast".waits w where w.tenant = a.tenant and w.job = above.id offset 0) as n
    )
    select id from above limit 10000
) as w
