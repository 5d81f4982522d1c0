-- Gates that are not there although jobs stand in their line (they were pruned in the very moment): what the first of
-- these jobs must pass.
--: read rows tenant, gate
select a.ord, j.gates
from unnest(:tenant::text[], :gate::text[]) with ordinality as a (tenant, gate, ord)
cross join lateral (
    select id from "holdfast".gate_jobs where tenant = a.tenant and gate = a.gate and not held
    order by tenant, gate, rank, due, seq limit 1) as w
cross join lateral (select gates from "holdfast".jobs where tenant = a.tenant and id = w.id limit 1) as j
where not exists (select from "holdfast".gates g where g.tenant = a.tenant and g.name = a.gate offset 0)
