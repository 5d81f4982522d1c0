-- How many messages a pipe has, when the newest came, and how many jobs they are still to become; how many of these
-- nobody could make. As far as so many rows show.
--: read one tenant, pipe, batch
select (select count(*) from (
        select from "holdfast".messages where tenant = :tenant::text and pipe = :pipe::text
        order by tenant, pipe, seq limit (select :batch::int4)) as m),
    (select sent_at from "holdfast".messages where tenant = :tenant::text and pipe = :pipe::text
        order by tenant desc, pipe desc, seq desc limit 1),
    (select count(*) from (
        select from "holdfast".deliveries where tenant = :tenant::text and pipe = :pipe::text
        order by tenant, pipe, seq limit (select :batch::int4)) as d),
    (select count(*) from (
        select parked from "holdfast".deliveries where tenant = :tenant::text and pipe = :pipe::text
        order by tenant, pipe, seq limit (select :batch::int4)) as d
    where parked is not null)
