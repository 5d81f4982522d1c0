-- What messages of a pipe are still to become, the oldest first, and why they were set aside.
--: read one tenant, pipe, batch
select message::text, task, parked
from "holdfast".deliveries
where tenant = :tenant::text and pipe = :pipe::text
order by tenant, pipe, seq
limit (select :batch::int4)
