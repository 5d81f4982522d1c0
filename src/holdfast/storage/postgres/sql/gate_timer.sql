-- When gates are to be looked at again by themselves (delay: null for never).
--: silent rows tenant, gate, delay
update "holdfast".gates g
set next_at = t.moment + a.delay * interval '1 second', updated_at = t.moment
from unnest(:tenant::text[], :gate::text[], :delay::float8[]) as a (tenant, gate, delay)
cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
where g.tenant = a.tenant and g.name = a.gate
