-- Running jobs whose lease has run out, for the rescue that follows in the same transaction.
--: one batch, grace
select tenant, id, token, attempt, max_attempts, crashes, policy, worker, task, queue, stop_reason, gates
from holdfast_jobs
where state = 'running' and lease_until < :now
order by lease_until
limit :batch
