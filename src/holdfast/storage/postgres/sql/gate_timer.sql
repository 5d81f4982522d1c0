-- When gates are to be looked at again by themselves (delay: null for never).
--: silent rows tenant, gate, delay
with found as materialized (
    select g.place, a.delay
    from unnest(:tenant::text[], :gate::text[], :delay::float8[]) as a (tenant, gate, delay)
    cross join lateral (
        select ctid as place from "holdfast".gates where tenant = a.tenant and name = a.gate limit 1) as g
)
update "holdfast".gates g
set next_at = t.moment + f.delay * interval '1 second', updated_at = t.moment
from found f
cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
where g.ctid = f.place
