-- Of pieces that a body waits for: those that have come to their ends by now.
--: read rows tenant, id, version, branch, name, nth
select a.ord
from unnest(:tenant::text[], :id::uuid[], :version::int4[], :branch::text[], :name::text[], :nth::int4[])
    with ordinality as a (tenant, id, version, branch, name, nth, ord)
cross join lateral (
    select 1 from "holdfast".steps
    where tenant = a.tenant and id = a.id and version = a.version and branch = a.branch and name = a.name
        and nth = a.nth and state <> 'waiting'
    limit 1
) as s
