-- Which places jobs have.
--: read rows tenant, id
select a.ord, s.gate
from unnest(:tenant::text[], :id::uuid[]) with ordinality as a (tenant, id, ord)
cross join lateral (
    select gate, held from "holdfast".gate_jobs where tenant = a.tenant and id = a.id
    order by tenant, id, gate offset 0) as s
where s.held
