-- Ends running jobs: the row leaves the hot table and enters history, where it is under this token and no other.
-- A row on which a newer request waits is left to hand_over.sql, one that others wait for to unwatch.sql.
-- The end of a body that comes after a rescue took its attempt back, and before the next claim, counts it again.
--: rows tenant, id, token, state, reason, result, error, elapsed, keep
insert into holdfast_history (tenant, id, version, seq, task, queue, state, reason, priority, due, args, result,
    key, group_key, gates, tags, metadata, attempt, max_attempts, crashes, timeout, policy, errors, progress,
    schedule_id, token, worker, created_at, started_at, finished_at, updated_at, keep_until, stub)
with given as (:rows)
select j.tenant, j.id, j.version, j.seq, j.task, j.queue, g.state, g.reason, j.priority, j.due,
    case when g.keep <= 0 then null
        when j.args = '' then coalesce((select p.args from holdfast_payloads p where p.seq = j.seq), '')
        else j.args end,
    case when g.keep > 0 then g.result end,
    j.key, j.group_key, j.gates, j.tags, case when g.keep > 0 then j.metadata end,
    j.attempt + (j.state <> 'running' and g.elapsed is not null), j.max_attempts,
    j.crashes + (coalesce(g.reason, '') = 'crashed'), j.timeout, j.policy,
    case when g.keep <= 0 then null when g.error is null then j.errors
        else coalesce(substr(nullif(j.errors, '[]'), 1, length(j.errors) - 1) || ',', '[') || '{"at":' || g.now || ','
            || substr(g.error, 2) || ']' end,
    case when g.keep > 0 then j.progress end, j.schedule_id, j.token, j.worker, j.created_at,
    coalesce(cast(g.now - g.elapsed * 1000000 as integer), j.started_at), g.now, g.now,
    cast(g.now + case when g.keep > 0 then g.keep else 3600 end * 1000000 as integer), g.keep <= 0
from given g cross join holdfast_jobs j on j.tenant = g.tenant and j.id = g.id and j.token = g.token
where j.pending is null and j.watched is null;
delete from holdfast_jobs where seq in (
    with given as (:rows tenant, id, token)
    select j.seq from given g cross join holdfast_jobs j on j.tenant = g.tenant and j.id = g.id and j.token = g.token
    where j.pending is null and j.watched is null
)
