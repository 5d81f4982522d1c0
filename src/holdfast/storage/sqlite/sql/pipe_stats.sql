-- How many messages a pipe has, when the newest came, and how many jobs they are still to become; how many of these
-- nobody could make. As far as so many rows show.
--: read rows tenant, pipe, batch
select (select count(*) from (
        select 1 from holdfast_messages where tenant = :tenant and pipe = :pipe limit :batch)),
    (select sent_at from holdfast_messages where tenant = :tenant and pipe = :pipe order by seq desc limit 1),
    (select count(*) from (
        select 1 from holdfast_deliveries where tenant = :tenant and pipe = :pipe limit :batch)),
    (select count(*) from (
        select parked from holdfast_deliveries where tenant = :tenant and pipe = :pipe limit :batch)
    where parked is not null)
