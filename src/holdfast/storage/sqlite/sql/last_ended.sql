-- The version of each job that ended last, until its time is over, also where a newer one is live.
--: read rows tenant, id
select tenant, id, version, seq, task, queue, state, reason, priority, due, args, result, key, group_key, tags,
    metadata, attempt, max_attempts, crashes, timeout, policy, errors, progress, schedule_id, worker, created_at,
    started_at, finished_at, updated_at, stub, token
from holdfast_history
where tenant = :tenant and id = :id and keep_until > :now
order by version desc
limit 1
