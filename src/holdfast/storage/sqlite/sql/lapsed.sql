-- Of some jobs those that running.sql would find, as expired.sql tells of them.
--: rows tenant, id, age, forced
select tenant, id, token, attempt, max_attempts, crashes, policy, worker, task, queue, stop_reason, gates
from holdfast_jobs
where tenant = :tenant and id = :id and state = 'running' and (:forced or lease_until < :now)
    and started_at <= :now - :age * 1000000
