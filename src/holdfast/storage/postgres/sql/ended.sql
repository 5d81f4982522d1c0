-- The newest version of jobs that ended, without what they carry.
-- The `offset 0` keeps the planner from reading all of the live jobs first.
--: read rows tenant, id
select a.ord, h.version, h.state, h.stub, exists (
        select from "holdfast".jobs j where j.tenant = a.tenant and j.id = a.id offset 0)
from unnest(:tenant::text[], :id::uuid[]) with ordinality as a (tenant, id, ord)
left join lateral (
    select version, state, stub
    from "holdfast".history
    where tenant = a.tenant and id = a.id
    order by tenant desc, id desc, version desc
    limit 1
) as h on true
