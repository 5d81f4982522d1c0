-- Who has the jobs that a fenced write did not find: 1 still ours and locked just then, 2 ended under our token,
-- 3 back in the queue under our token, 4 still ours and a newer request waits on the row, 5 under our token and others
-- wait for its end, 6 as 4 and that request waits for others; in which state, for which reason, by which policy. No row: another claim has it.
--: read rows tenant, id, token
select case when instr(pending, '"after\"') > 0 then 6 when pending is not null then 4 when watched then 5 when state <> 'running' then 3 else 1 end, state, reason, policy
from holdfast_jobs where tenant = :tenant and id = :id and token = :token
union all
select 2, state, reason, policy from holdfast_history where tenant = :tenant and id = :id and token = :token
limit 1
