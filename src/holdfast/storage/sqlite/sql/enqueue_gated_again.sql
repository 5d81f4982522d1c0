-- Stores new jobs some of which have gates, and whose first try may have been committed: those that are there stay as they are.
--: silent rows tenant, id, queue, task, args, priority, delay, run_at, max_attempts, timeout, policy, tags, metadata, expires, deadline, reason, group_key, gates
insert into holdfast_jobs (tenant, id, queue, task, args, priority, max_attempts, timeout, policy, tags, metadata,
    state, reason, group_key, gates, due, expires_at, deadline_at, created_at, updated_at)
values (:tenant, :id, :queue, :task, :args, :priority, :max_attempts, :timeout, :policy, :tags, :metadata,
    case when coalesce(:run_at, cast(:now + :delay * 1000000 as integer), 0) > :now then 'scheduled'
        when :gates is null then 'ready' else 'blocked' end,
    case when coalesce(:run_at, cast(:now + :delay * 1000000 as integer), 0) <= :now and :gates is not null
        then :reason end,
    :group_key, :gates, max(:now, coalesce(:run_at, cast(:now + :delay * 1000000 as integer), :now)),
    cast(:now + :expires * 1000000 as integer), cast(:now + :deadline * 1000000 as integer), :now, :now)
on conflict (tenant, id) do nothing
