-- Sets the size of a gate and of all that are split from it by hand (edited 1), or leaves it to the code again (0).
--: one tenant, gate, base, size, spacing, edited
insert into "holdfast".gates as g (tenant, name, base, size, spacing, edited, updated_at)
select n.tenant, n.name, n.base, :size::int4, :spacing::float8, :edited::int4 > 0, coalesce(:now::timestamptz, statement_timestamp())
from (
    select :tenant::text as tenant, :gate::text as name, :base::text as base
    union all
    select tenant, name, base from (
        select tenant, name, base from "holdfast".gates where base = :base::text and base is not null
        order by base offset 0) as parts
    where tenant = :tenant::text and name <> :gate::text
) as n
on conflict (tenant, name) do update
set size = excluded.size, spacing = excluded.spacing, edited = excluded.edited, updated_at = excluded.updated_at
returning name
