-- Jobs that others wait for are about to end: without the mark finish.sql takes them. Not those that have done what is to be
-- undone first, where `undoes` says so.
--: rows tenant, id, token, undoes
update holdfast_jobs
set watched = null, policy = case when instr(policy, '"undo":"') > 0 then json_remove(policy, '$.undo') else policy end
where tenant = :tenant and id = :id and token = :token and pending is null and watched
    and (not :undoes or instr(policy, '"undo":"') = 0)
