-- What earlier tries of requests came to: a job of their own, live or ended, or the version of another's. No row: nothing
-- was committed.
--: read rows tenant, id
select a.ord, f.id::text, f.version
from unnest(:tenant::text[], :id::uuid[]) with ordinality as a (tenant, id, ord)
cross join lateral (
    (select id, version from "holdfast".marks where tenant = a.tenant and kind = 'request' and name = a.id::text limit 1)
    union all
    (select id, 1 from "holdfast".jobs where tenant = a.tenant and id = a.id limit 1)
    union all
    (select id, 1 from "holdfast".history where tenant = a.tenant and id = a.id limit 1)
    limit 1
) as f
