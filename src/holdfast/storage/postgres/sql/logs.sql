-- The log lines of one job, oldest first.
--: read one tenant, id, batch
select attempt, at, level, message, step
from "holdfast".job_logs
where tenant = :tenant::text and id = :id::uuid
order by tenant, id, token, line
limit (select :batch::int4)
