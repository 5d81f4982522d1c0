-- Who has the jobs that a fenced write did not find: 1 still ours and locked just then, 2 ended under our token,
-- 3 back in the queue under our token, 4 still ours and a newer request waits on the row; in which state, for which
-- reason, by which policy. No row: another claim has it.
--: read rows tenant, id, token
select case when state <> 'running' then 3 when pending is null then 1 else 4 end, state, reason, policy
from holdfast_jobs where tenant = :tenant and id = :id and token = :token
union all
select 2, state, reason, policy from holdfast_history where tenant = :tenant and id = :id and token = :token
limit 1
