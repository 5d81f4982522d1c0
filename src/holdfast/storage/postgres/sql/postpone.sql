-- Jobs that wait, and that nobody claimed yet, become due later.
--: rows tenant, id, delay
with held as materialized (
    select j.place, n.delay, n.ord
    from unnest(:tenant::text[], :id::uuid[], :delay::float8[]) with ordinality as n (tenant, id, delay, ord)
    cross join lateral (
        select ctid as place, state from "holdfast".jobs
        where tenant = n.tenant and id = n.id
        limit 1
        for update
    ) as j
    where j.state = 'scheduled'
)
update "holdfast".jobs j
set due = t.moment + h.delay * interval '1 second', updated_at = t.moment
from held h
cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
where j.ctid = h.place
returning h.ord
