-- Asks running jobs to stop: their workers look for it once a second. What waits on the row is given up with it, but
-- where the time of this version alone is over. Those that undo what they did are left alone.
--: rows tenant, id, token, reason
update holdfast_jobs
set stop_reason = :reason, pending = case when :reason = 'deadline' then pending end, updated_at = :now
where tenant = :tenant and id = :id and token = :token
    and (instr(policy, '"undo":"') = 0 or instr(policy, '"undo":""') > 0)
