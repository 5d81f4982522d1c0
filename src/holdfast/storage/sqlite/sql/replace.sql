-- A newer request takes the place of a job that waits: its next version, with everything as if it were new. Only where
-- the version still is what was seen. Leaves a mark, by which the request finds out what it came to.
--: rows tenant, id, version, request, task, args, priority, delay, run_at, max_attempts, timeout, policy, tags, metadata, expires, deadline, group_key, gates
update holdfast_jobs
set version = version + 1, token = token + 1, task = :task, args = :args, priority = :priority,
    state = case when coalesce(:run_at, cast(:now + :delay * 1000000 as integer), 0) > :now
        then 'scheduled' when :gates is null then 'ready' else 'blocked' end,
    reason = case when coalesce(:run_at, cast(:now + :delay * 1000000 as integer), 0) <= :now and :gates is not null
        then 'gate_entry' end,
    group_key = :group_key, gates = :gates, due = max(:now, coalesce(:run_at, cast(:now + :delay * 1000000 as integer), :now)),
    attempt = 0, max_attempts = :max_attempts, crashes = 0, timeout = :timeout, policy = :policy, errors = null,
    progress = null, tags = :tags, metadata = :metadata, stop_reason = null,
    expires_at = cast(:now + :expires * 1000000 as integer), deadline_at = cast(:now + :deadline * 1000000 as integer),
    worker = null, created_at = :now, started_at = null, updated_at = :now
where tenant = :tenant and id = :id and version = :version and state <> 'running'
    and instr(policy, '"undo":"') = 0;
insert into holdfast_marks (tenant, kind, name, id, version, since, keep_until)
select :tenant, 'request', :request, :id, :version + 1, :now, :now + 3600000000 where changes() > 0
