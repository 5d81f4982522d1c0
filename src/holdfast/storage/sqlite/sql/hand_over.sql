-- Ends the version that runs, as finish.sql would, and begins the newer one that waits on its row: under a token past
-- its own, and with its delays counted from when it was asked for.
--: rows tenant, id, token, state, reason, result, error, elapsed, keep
insert into holdfast_history (tenant, id, version, seq, task, queue, state, reason, priority, due, args, result,
    key, group_key, gates, tags, metadata, attempt, max_attempts, crashes, timeout, policy, errors, progress,
    schedule_id, token, worker, created_at, started_at, finished_at, updated_at, keep_until, stub, superseded_by)
select tenant, id, version, seq, task, queue, :state, :reason, priority, due,
    case when :keep <= 0 then null
        when args = '' then coalesce((select p.args from holdfast_payloads p where p.seq = j.seq), '')
        else args end,
    case when :keep > 0 then :result end, key, group_key, gates, tags, case when :keep > 0 then metadata end,
    attempt, max_attempts, crashes + (coalesce(:reason, '') = 'crashed'), timeout, policy,
    case when :keep <= 0 then null when :error is null then errors
        else coalesce(substr(nullif(errors, '[]'), 1, length(errors) - 1) || ',', '[') || '{"at":' || :now || ','
            || substr(:error, 2) || ']' end,
    case when :keep > 0 then progress end, schedule_id, token, worker, created_at,
    coalesce(cast(:now - :elapsed * 1000000 as integer), started_at), :now, :now,
    cast(:now + case when :keep > 0 then :keep else 3600 end * 1000000 as integer), :keep <= 0, id
from holdfast_jobs j
where tenant = :tenant and id = :id and token = :token and pending is not null;
update holdfast_jobs as j
set (version, task, args, priority, max_attempts, timeout, policy, tags, metadata, created_at, expires_at, deadline_at,
        group_key, gates, due, state, reason) = (
    select n.version, n.task, n.args, n.priority, n.max_attempts, n.timeout, n.policy, n.tags, n.metadata, n.at,
        n.at + n.expires, n.at + n.deadline, n.group_key, n.gates, max(:now, coalesce(n.run_at, n.at + n.delay, 0)),
        case when coalesce(n.run_at, n.at + n.delay, 0) > :now then 'scheduled'
            when n.gates is null then 'ready' else 'blocked' end,
        case when coalesce(n.run_at, n.at + n.delay, 0) <= :now and n.gates is not null then 'gate_entry' end
    from (select json_extract(pending, '$.version') as version, json_extract(pending, '$.task') as task,
            json_extract(pending, '$.args') as args, json_extract(pending, '$.priority') as priority,
            json_extract(pending, '$.max_attempts') as max_attempts, json_extract(pending, '$.timeout') as timeout,
            json_extract(pending, '$.policy') as policy, json_extract(pending, '$.tags') as tags,
            json_extract(pending, '$.metadata') as metadata, json_extract(pending, '$.at') as at,
            json_extract(pending, '$.expires') as expires, json_extract(pending, '$.deadline') as deadline,
            json_extract(pending, '$.run_at') as run_at, json_extract(pending, '$.delay') as delay,
            json_extract(pending, '$.group_key') as group_key, json_extract(pending, '$.gates') as gates) as n),
    token = token + 1, attempt = 0, crashes = 0, errors = null, progress = null, stop_reason = null,
    worker = null, claim_id = null, lease_until = null, started_at = null, updated_at = :now, pending = null
where tenant = :tenant and id = :id and token = :token and pending is not null
