-- Gives all gates of a limit the size that the code says now, where nobody has set it by hand; answers those that changed.
--: rows base, size, spacing
update "holdfast".gates g
set size = a.size, spacing = a.spacing, updated_at = coalesce(:now::timestamptz, statement_timestamp())
from unnest(:base::text[], :size::int4[], :spacing::float8[]) with ordinality as a (base, size, spacing, ord)
where g.base = a.base and g.base is not null and not g.edited
    and (g.size is distinct from a.size or g.spacing is distinct from a.spacing)
returning a.ord, g.tenant, g.name
