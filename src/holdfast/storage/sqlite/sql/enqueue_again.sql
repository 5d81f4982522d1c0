-- Stores new jobs whose first try may have been committed: those that are there stay as they are.
--: silent rows tenant, id, queue, task, args, priority, delay, run_at, max_attempts, timeout, policy, tags, metadata, expires, deadline
insert into holdfast_jobs (tenant, id, queue, task, args, priority, max_attempts, timeout, policy, tags, metadata,
    state, due, expires_at, deadline_at, created_at, updated_at)
with given as (:rows)
select tenant, id, queue, task, args, priority, max_attempts, timeout, policy, tags, metadata,
    case when coalesce(run_at, cast(now + delay * 1000000 as integer), 0) > now then 'scheduled' else 'ready' end,
    max(now, coalesce(run_at, cast(now + delay * 1000000 as integer), now)),
    cast(now + expires * 1000000 as integer), cast(now + deadline * 1000000 as integer), now, now
from given
where true
on conflict (tenant, id) do nothing
