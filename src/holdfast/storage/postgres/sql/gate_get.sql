-- Gates by name, and what is in them: how many places are taken, and whether a failure keeps it shut.
--: read rows tenant, gate
select a.ord, g.size, g.spacing, g.edited, s.used, coalesce(s.shut, false)
from unnest(:tenant::text[], :gate::text[]) with ordinality as a (tenant, gate, ord)
cross join lateral (
    select size, spacing, edited from "holdfast".gates where tenant = a.tenant and name = a.gate limit 1) as g
cross join lateral (
    select coalesce(sum(weight), 0)::int8 as used, bool_or(stop) as shut from (
        select weight, stop from "holdfast".gate_jobs where tenant = a.tenant and gate = a.gate and held
        order by tenant, gate, id offset 0) as seats) as s
