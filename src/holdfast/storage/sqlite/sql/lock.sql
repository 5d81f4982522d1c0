-- Live jobs, for a decision about them in the same transaction.
--: rows tenant, id
select state, token, version, policy, stop_reason, attempt, gates
from holdfast_jobs
where tenant = :tenant and id = :id
