-- Jobs are over that have done what is to be undone: they live on until it is. `undo` says how they will have ended. What
-- waits for its gates, or was offered, stays as it is; all others answer true, and are to be woken.
--: rows tenant, id, token, undo, error, elapsed, crashed
update holdfast_jobs
set policy = replace(policy, '"undo":""', '"undo":"' || :undo || '"'),
    state = case when state = 'ready' or (state = 'blocked' and reason <> 'nondeterminism') then state else 'suspended' end,
    reason = case when state = 'ready' or (state = 'blocked' and reason <> 'nondeterminism') then reason else 'undo' end,
    due = min(due, :now), attempt = max(attempt - (state = 'running' or coalesce(reason, '') = 'retry'), 0),
    crashes = crashes + :crashed, started_at = coalesce(cast(:now - :elapsed * 1000000 as integer), started_at),
    errors = case when :error is null then errors
        else coalesce(substr(nullif(errors, '[]'), 1, length(errors) - 1) || ',', '[') || '{"at":' || :now || ','
            || substr(:error, 2) || ']' end,
    stop_reason = null, expires_at = null, deadline_at = null,
    worker = null, claim_id = null, lease_until = null, updated_at = :now
where tenant = :tenant and id = :id and token = :token and watched and instr(policy, '"undo":""') > 0
returning state = 'suspended'
