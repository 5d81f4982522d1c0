-- A job that ended begins a new version: what it was to do, a full number of attempts, a token past all its old ones.
-- Left behind: its errors and progress, and when it was to have started (expires) or ended (deadline). Not where
-- another live job has its key.
--: rows tenant, id, version, delay
insert into holdfast_jobs (tenant, id, version, task, queue, state, reason, priority, due, args, key, group_key, gates, tags, metadata,
    max_attempts, timeout, policy, schedule_id, token, created_at, updated_at)
select tenant, id, version + 1, task, queue, case when :delay > 0 then 'scheduled' when gates is null then 'ready' else 'blocked' end,
    case when gates is not null and :delay <= 0 then 'gate_entry' end,
    priority, cast(:now + :delay * 1000000 as integer), args, key, group_key, gates, tags, metadata,
    max_attempts, timeout, policy, schedule_id, token + 1, created_at, :now
from holdfast_history
where tenant = :tenant and id = :id and version = :version and stub = 0
on conflict do nothing
returning reason is not null, policy
