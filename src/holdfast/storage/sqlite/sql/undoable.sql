-- Running jobs have done what may have to be undone: marked as one that others wait for, so that its end is no plain one.
--: silent rows tenant, id, token
update holdfast_jobs
set watched = 1, policy = case when policy = '{}' then '{"undo":""}'
    else substr(policy, 1, length(policy) - 1) || ',"undo":""}' end
where tenant = :tenant and id = :id and token = :token and instr(policy, '"undo":"') = 0
