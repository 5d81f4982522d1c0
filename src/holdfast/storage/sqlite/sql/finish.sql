-- Ends running jobs: the row leaves the hot table and enters history, where it is under this token and no other.
-- The end of a body that comes after a rescue took its attempt back, and before the next claim, counts it again.
--: rows tenant, id, token, state, reason, result, error, elapsed, keep
insert into holdfast_history (tenant, id, version, seq, task, queue, state, reason, priority, due, args, result,
    key, group_key, gates, tags, metadata, attempt, max_attempts, crashes, timeout, policy, errors, progress,
    schedule_id, token, worker, created_at, started_at, finished_at, updated_at, keep_until, stub)
select tenant, id, version, seq, task, queue, :state, :reason, priority, due,
    case when :keep <= 0 then null
        when args = '' then coalesce((select p.args from holdfast_payloads p where p.seq = j.seq), '')
        else args end,
    case when :keep > 0 then :result end,
    key, group_key, gates, tags, case when :keep > 0 then metadata end,
    attempt + (state <> 'running' and :elapsed is not null), max_attempts,
    crashes + (coalesce(:reason, '') = 'crashed'), timeout, policy,
    case when :keep <= 0 then null when :error is null then errors
        else coalesce(substr(nullif(errors, '[]'), 1, length(errors) - 1) || ',', '[') || '{"at":' || :now || ','
            || substr(:error, 2) || ']' end,
    case when :keep > 0 then progress end, schedule_id, token, worker, created_at,
    coalesce(cast(:now - :elapsed * 1000000 as integer), started_at), :now, :now,
    cast(:now + case when :keep > 0 then :keep else 3600 end * 1000000 as integer), :keep <= 0
from holdfast_jobs j
where tenant = :tenant and id = :id and token = :token;
delete from holdfast_jobs where tenant = :tenant and id = :id and token = :token
