-- What messages of a pipe are still to become, the oldest first, and why they were set aside.
--: read one tenant, pipe, batch
select message, task, parked
from holdfast_deliveries
where tenant = :tenant and pipe = :pipe
order by seq, task
limit :batch
