-- The log lines of one job, oldest first.
--: read one tenant, id, after, batch
select seq, attempt, at, level, message, step
from holdfast_job_logs
where tenant = :tenant and id = :id and seq > :after
order by seq
limit :batch
