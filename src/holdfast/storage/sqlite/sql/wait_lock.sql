-- Locks live jobs that may have nothing to wait for any more, and says whether they still are held for it.
--: rows tenant, id
select token, policy, gates, state = 'blocked' and reason = 'dependency'
from holdfast_jobs
where tenant = :tenant and id = :id
