-- Running jobs of a worker that is dead for sure, for the rescue that follows in the same transaction.
--: one boot, batch
select tenant, id, token, attempt, max_attempts, crashes, policy, worker, task, queue, stop_reason, gates
from holdfast_jobs
where state = 'running' and worker = :boot
order by lease_until
limit :batch
