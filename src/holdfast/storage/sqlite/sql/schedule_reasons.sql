-- Why schedules of a tenant are parked, the most common reasons first.
--: read one tenant, batch
select parked, count(*)
from holdfast_schedules
where tenant = :tenant and parked is not null
group by parked
order by count(*) desc, parked
limit :batch
