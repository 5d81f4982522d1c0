-- Makes gates that are not there yet; one that is split from a limit is of that limit's size. In the order of names,
-- so that two who make the same ones do not wait for each other crosswise.
--: silent rows tenant, gate, base, size, spacing, lane
insert into "holdfast".gates (tenant, name, base, lane, size, spacing, edited, updated_at)
select n.tenant, n.gate, n.base, n.lane, case when b.name is null then n.size else b.size end,
    case when b.name is null then n.spacing else b.spacing end, coalesce(b.edited, false),
    coalesce(:now::timestamptz, statement_timestamp())
from unnest(:tenant::text[], :gate::text[], :base::text[], :size::int4[], :spacing::float8[], :lane::text[])
    as n (tenant, gate, base, size, spacing, lane)
left join lateral (
    select name, size, spacing, edited from "holdfast".gates where tenant = n.tenant and name = n.base limit 1) as b on true
where not exists (select from "holdfast".gates g where g.tenant = n.tenant and g.name = n.gate offset 0)
order by n.tenant, n.gate
on conflict (tenant, name) do nothing
