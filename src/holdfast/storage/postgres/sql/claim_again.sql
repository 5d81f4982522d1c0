-- What a claim whose answer was lost had taken, if it was committed; its leases begin anew.
--: one worker, claim, lease
update "holdfast".jobs
set lease_until = coalesce(:now::timestamptz, statement_timestamp()) + :lease::float8 * interval '1 second'
where state = 'running' and worker = :worker::text and claim_id = :claim::uuid
returning tenant, id::text, token, version, task, queue, args, priority, attempt, max_attempts, crashes, timeout,
    policy, due, seq, metadata,
    extract(epoch from deadline_at - coalesce(:now::timestamptz, statement_timestamp()))::float8, gates
