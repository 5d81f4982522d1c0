-- How many messages a pipe has, when the newest came, and how many jobs they are still to become; how many of these
-- nobody could make. As far as so many rows show.
--: read rows tenant, pipe, batch
select a.ord, m.number, (
        select sent_at from "holdfast".messages where tenant = a.tenant and pipe = a.pipe
        order by tenant desc, pipe desc, seq desc limit 1),
    d.number, d.parked
from unnest(:tenant::text[], :pipe::text[], :batch::int4[]) with ordinality as a (tenant, pipe, batch, ord)
cross join lateral (select count(*) as number from (
        select from "holdfast".messages where tenant = a.tenant and pipe = a.pipe
        order by tenant, pipe, seq limit a.batch) as few) as m
cross join lateral (select count(*) as number, count(few.parked) as parked from (
        select parked from "holdfast".deliveries where tenant = a.tenant and pipe = a.pipe
        order by tenant, pipe, seq limit a.batch) as few) as d
order by a.ord
