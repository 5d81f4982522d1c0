-- Takes the next jobs of some queues, of each at most its cap; see claim_queues.sql. `anew`: a queue of which jobs were
-- left behind; here each look starts at the head.
--: one worker, claim, lease, batch, suspects, tasks, after_rank, after_tenant, after_due, after_seq, queues, caps, anew
update holdfast_jobs
set state = 'running', reason = null, token = token + 1, attempt = attempt + 1, worker = :worker,
    claim_id = :claim, updated_at = :now, started_at = :now,
    lease_until = cast(:now + :lease * 1000000 as integer)
where seq in (
    select seq from (
        select found.seq, -found.priority as rank, found.tenant, found.due,
            json_extract(:caps, '$[' || asked.key || ']') as cap, row_number() over (
                partition by asked.key order by -found.priority, found.tenant, found.due, found.seq) as place
        from json_each(:queues) asked
        cross join holdfast_jobs found
        where found.seq in (
            select head.seq from holdfast_jobs head
            where head.state = 'ready' and head.queue = asked.value
                and (head.crashes <= :suspects or head.policy like '%"max_crashes"_null%')
                and head.stop_reason is null
                and (head.expires_at is null or head.expires_at > :now)
                and (head.deadline_at is null or head.deadline_at > :now)
                and (:tasks is null or head.task in (select value from json_each(:tasks))
                    or case when instr(head.policy, '"raw"') > 0 then char(9) else char(10) end || head.queue
                        in (select value from json_each(:tasks)))
            order by -head.priority, head.tenant, head.due, head.seq
            limit :batch
        )
    )
    where place <= cap
    order by rank, tenant, due, seq
    limit :batch
)
returning tenant, id, token, version, task, queue,
    case when args = '' then coalesce((select p.args from holdfast_payloads p where p.seq = holdfast_jobs.seq), '')
        else args end,
    priority, attempt, max_attempts, crashes, timeout, policy, due, seq, metadata,
    (deadline_at - :now) / 1000000.0, gates
