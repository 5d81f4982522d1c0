-- Gives gates the size that the code says, where it is another one and nobody has set it by hand.
--: rows tenant, gate, size, spacing
with found as materialized (
    select g.place, a.size, a.spacing, a.ord
    from unnest(:tenant::text[], :gate::text[], :size::int4[], :spacing::float8[])
        with ordinality as a (tenant, gate, size, spacing, ord)
    cross join lateral (
        select ctid as place, size, spacing, edited from "holdfast".gates where tenant = a.tenant and name = a.gate
        limit 1
        for no key update skip locked
    ) as g
    where not g.edited and (g.size is distinct from a.size or g.spacing is distinct from a.spacing)
)
update "holdfast".gates g set size = f.size, spacing = f.spacing, updated_at = coalesce(:now::timestamptz, statement_timestamp())
from found f
where g.ctid = f.place
returning f.ord
