-- What jobs still wait for, and what has ended otherwise than they needed: 100 for one at most.
--: read rows tenant, id
select a.ord, w.job::text, w.need, w.failed
from unnest(:tenant::text[], :id::uuid[]) with ordinality as a (tenant, id, ord)
cross join lateral (
    select job, need, failed from "holdfast".waits where tenant = a.tenant and id = a.id and tenant <> ''
    order by tenant, id, job
    limit 100
) as w
