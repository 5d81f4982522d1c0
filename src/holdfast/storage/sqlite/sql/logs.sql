-- The log lines of one job, oldest first.
--: read one tenant, id, batch
select attempt, at, level, message, step
from holdfast_job_logs
where tenant = :tenant and id = :id
order by token, line
limit :batch
