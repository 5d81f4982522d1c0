-- Gives gates the size that the code says, where it is another one and nobody has set it by hand.
--: rows tenant, gate, size, spacing
update "holdfast".gates g
set size = a.size, spacing = a.spacing, updated_at = coalesce(:now::timestamptz, statement_timestamp())
from unnest(:tenant::text[], :gate::text[], :size::int4[], :spacing::float8[])
    with ordinality as a (tenant, gate, size, spacing, ord)
where g.tenant = a.tenant and g.name = a.gate and not g.edited
    and (g.size is distinct from a.size or g.spacing is distinct from a.spacing)
returning a.ord
