-- What gates are: whose jobs came to them first, and how large they are; no row for those that are not there.
--: read rows tenant, gate
select a.ord, g.lane, g.size, g.spacing, g.edited
from unnest(:tenant::text[], :gate::text[]) with ordinality as a (tenant, gate, ord)
cross join lateral (
    select lane, size, spacing, edited from "holdfast".gates where tenant = a.tenant and name = a.gate limit 1) as g
