-- One or more jobs by id, live or finished; of a finished one its newest version, until its time is over.
--: read rows tenant, id
select tenant, id, version, seq, task, queue, state, reason, priority, due,
    case when args = '' then coalesce((select p.args from holdfast_payloads p where p.seq = j.seq), '')
        else args end,
    null, key, group_key, tags, metadata, attempt, max_attempts, crashes, timeout, policy, errors, progress,
    schedule_id, worker, created_at, started_at, null, updated_at, 0, token
from holdfast_jobs j
where tenant = :tenant and id = :id
union all
select * from (
    select tenant, id, version, seq, task, queue, state, reason, priority, due, args, result, key, group_key, tags,
        metadata, attempt, max_attempts, crashes, timeout, policy, errors, progress, schedule_id, worker, created_at,
        started_at, finished_at, updated_at, stub, token
    from holdfast_history
    where tenant = :tenant and id = :id and keep_until > :now
    order by version desc
    limit 1
)
limit 1
