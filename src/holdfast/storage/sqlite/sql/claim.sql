-- Takes the next jobs of every queue. SQLite's index keeps no dead entries, so each look starts at the head.
--: one worker, claim, lease, batch, suspects, tasks, after_rank, after_tenant, after_due, after_seq
update holdfast_jobs
set state = 'running', reason = null, token = token + 1, attempt = attempt + 1, worker = :worker,
    claim_id = :claim, updated_at = :now, started_at = :now,
    lease_until = cast(:now + :lease * 1000000 as integer)
where seq in (
    select seq from holdfast_jobs
    where state = 'ready' and (crashes <= :suspects or policy like '%"max_crashes"_null%')
        and stop_reason is null
        and (expires_at is null or expires_at > :now)
        and (deadline_at is null or deadline_at > :now)
        and (:tasks is null or task in (select value from json_each(:tasks))
            or case when instr(policy, '"raw"') > 0 then char(9) else char(10) end || queue
                in (select value from json_each(:tasks)))
    order by -priority, tenant, due, seq
    limit :batch
)
returning tenant, id, token, version, task, queue,
    case when args = '' then coalesce((select p.args from holdfast_payloads p where p.seq = holdfast_jobs.seq), '')
        else args end,
    priority, attempt, max_attempts, crashes, timeout, policy, due, seq, metadata,
    (deadline_at - :now) / 1000000.0, gates
