-- Sets the size of a gate and of all that are split from it by hand (edited 1), or leaves it to the code again (0).
--: rows tenant, gate, base, size, spacing, edited
insert into "holdfast".gates as g (tenant, name, base, size, spacing, edited, updated_at)
select n.tenant, n.name, n.base, a.size, a.spacing, a.edited > 0, coalesce(:now::timestamptz, statement_timestamp())
from unnest(:tenant::text[], :gate::text[], :base::text[], :size::int4[], :spacing::float8[], :edited::int4[])
    with ordinality as a (tenant, gate, base, size, spacing, edited, ord)
cross join lateral (
    select a.tenant, a.gate as name, a.base
    union
    select tenant, name, base from "holdfast".gates where base = a.base and base is not null and tenant = a.tenant
) as n
order by n.tenant, n.name
on conflict (tenant, name) do update
set size = excluded.size, spacing = excluded.spacing, edited = excluded.edited, updated_at = excluded.updated_at
returning 1, g.name
