-- Live jobs are waited for in the middle of another's body: their ends are no plain ones, and wake it.
--: silent rows tenant, id
update holdfast_jobs
set watched = 1, policy = case when policy = '{}' then '{"awaited": true}'
    else substr(policy, 1, length(policy) - 1) || ',"awaited": true}' end
where tenant = :tenant and id = :id and instr(policy, '"awaited"') = 0
