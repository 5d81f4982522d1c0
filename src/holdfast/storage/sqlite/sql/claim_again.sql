-- What a claim whose answer was lost had taken, if it was committed; its leases begin anew.
--: one worker, claim, lease
update holdfast_jobs
set lease_until = cast(:now + :lease * 1000000 as integer)
where state = 'running' and worker = :worker and claim_id = :claim
returning tenant, id, token, version, task, queue,
    case when args = '' then coalesce((select p.args from holdfast_payloads p where p.seq = holdfast_jobs.seq), '')
        else args end,
    priority, attempt, max_attempts, crashes, timeout, policy, due, seq, metadata,
    (deadline_at - :now) / 1000000.0, gates
