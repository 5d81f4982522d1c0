-- Why schedules of a tenant are parked, the most common reasons first.
--: read one tenant, batch
select parked, count(*)
from "holdfast".schedules
where tenant = :tenant::text and parked is not null
group by parked
order by count(*) desc, parked
limit :batch::int4
