-- The log lines of one job, oldest first.
--: read one tenant, id, after, batch
select seq, attempt, at, level, message, step
from "holdfast".job_logs
where tenant = :tenant::text and id = :id::uuid and seq > :after::int8
order by tenant, id, seq
limit (select :batch::int4)
