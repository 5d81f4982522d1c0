-- Stores new jobs whose key no live job has. If some were taken, says whose each one is.
--: rows tenant, id, queue, task, args, priority, delay, run_at, max_attempts, timeout, policy, tags, metadata, expires, deadline, key, conflict, group_key, gates
insert into holdfast_jobs (tenant, id, queue, task, args, priority, max_attempts, timeout, policy, tags, metadata, key,
    group_key, gates, state, reason, due, expires_at, deadline_at, created_at, updated_at)
with given as (:rows)
select tenant, id, queue, task, args, priority, max_attempts, timeout, policy, tags, metadata, key, group_key, gates,
    case when coalesce(run_at, cast(now + delay * 1000000 as integer), 0) > now then 'scheduled'
        when gates is null then 'ready' else 'blocked' end,
    case when coalesce(run_at, cast(now + delay * 1000000 as integer), 0) <= now and gates is not null
        then 'gate_entry' end,
    max(now, coalesce(run_at, cast(now + delay * 1000000 as integer), now)),
    cast(now + expires * 1000000 as integer), cast(now + deadline * 1000000 as integer), now, now
from given where true
on conflict (tenant, queue, key) where key is not null do nothing;
select id, version, state, case when :conflict <> 'merge' then null
    when args = '' then coalesce((select p.args from holdfast_payloads p where p.seq = j.seq), '') else args end, pending,
    gates
from holdfast_jobs j
where tenant = :tenant and queue = :queue and key = :key
