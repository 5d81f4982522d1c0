-- The versions that ended under these tokens, until their time is over: a newer one of the same job may be live.
--: read rows tenant, id, token
select tenant, id, version, seq, task, queue, state, reason, priority, due, args, result, key, group_key, tags,
    metadata, attempt, max_attempts, crashes, timeout, policy, errors, progress, schedule_id, worker, created_at,
    started_at, finished_at, updated_at, stub, token
from holdfast_history
where tenant = :tenant and id = :id and token = :token and keep_until > :now
limit 1
