-- A job that waits, with other options. Its place before gates follows its priority.
--: rows tenant, id, queue, priority, args, delay, run_at, max_attempts, timeout, policy, tags, metadata
update holdfast_jobs
set queue = :queue, priority = :priority, args = coalesce(:args, args), max_attempts = :max_attempts,
    timeout = :timeout, policy = :policy, tags = :tags, metadata = :metadata, updated_at = :now,
    due = case when :run_at is null and :delay is null then due
        else max(:now, coalesce(:run_at, cast(:now + :delay * 1000000 as integer))) end,
    state = case when :run_at is null and :delay is null then state
        when coalesce(:run_at, cast(:now + :delay * 1000000 as integer)) > :now then 'scheduled' else 'ready' end,
    reason = case when :run_at is null and :delay is null then reason end
where tenant = :tenant and id = :id and (state = 'scheduled' or state = 'blocked' or state = 'ready')
    and (queue = :queue or key is null or not exists (select 1 from holdfast_jobs o
        where o.tenant = :tenant and o.queue = :queue and o.key = holdfast_jobs.key));
update holdfast_gate_jobs set rank = -:priority where tenant = :tenant and id = :id and not held and changes() > 0
