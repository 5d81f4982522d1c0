-- Versions of jobs that ended, until their time is over, and which job came in the place of each.
--: read rows tenant, id, version
select tenant, id, version, seq, task, queue, state, reason, priority, due, args, result, key, group_key, tags,
    metadata, attempt, max_attempts, crashes, timeout, policy, errors, progress, schedule_id, worker, created_at,
    started_at, finished_at, updated_at, stub, token, superseded_by
from holdfast_history
where tenant = :tenant and id = :id and version = :version and keep_until > :now
