-- Says whose jobs came first to gates that were made before any did, by hand.
--: silent rows tenant, gate, lane
with found as materialized (
    select g.place, a.lane
    from unnest(:tenant::text[], :gate::text[], :lane::text[]) as a (tenant, gate, lane)
    cross join lateral (
        select ctid as place, lane from "holdfast".gates where tenant = a.tenant and name = a.gate
        limit 1
        for no key update skip locked
    ) as g
    where g.lane is null
)
update "holdfast".gates g set lane = f.lane from found f where g.ctid = f.place
