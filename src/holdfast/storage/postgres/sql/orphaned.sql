-- Locks running jobs of a worker that is dead for sure, for the rescue that follows in the same transaction.
--: one boot, batch
select tenant, id::text, token, attempt, max_attempts, crashes, policy, worker, task, queue, stop_reason, gates
from "holdfast".jobs
where state = 'running' and worker = :boot::text
order by lease_until
limit (select :batch::int4)
for update skip locked
