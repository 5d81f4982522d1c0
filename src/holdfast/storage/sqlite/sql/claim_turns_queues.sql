-- Takes jobs of lines of some queues; see claim_turns.sql.
--: one worker, claim, lease, batch, suspects, tasks, lines, most
with line as materialized (
    select key as ord, json_extract(value, '$.rank') as rank, json_extract(value, '$.tenant') as tenant,
        json_extract(value, '$.weight') as weight, json_extract(value, '$.count') as count,
        json_extract(value, '$.queue') as queue
    from json_each(:lines)
)
update holdfast_jobs
set state = 'running', reason = null, token = token + 1, attempt = attempt + 1, worker = :worker,
    claim_id = :claim, updated_at = :now, started_at = :now,
    lease_until = cast(:now + :lease * 1000000 as integer)
where seq in (
    select seq from (
        select found.seq, line.rank, line.weight, line.count, line.ord,
            row_number() over (partition by line.ord order by found.due, found.seq) as place
        from line
        cross join holdfast_jobs found
        where found.seq in (
            select head.seq from holdfast_jobs head
            where head.state = 'ready' and head.queue = line.queue and -head.priority = line.rank
                and head.tenant = line.tenant
                and (head.crashes <= :suspects or head.policy like '%"max_crashes"_null%')
                and head.stop_reason is null
                and (head.expires_at is null or head.expires_at > :now)
                and (head.deadline_at is null or head.deadline_at > :now)
                and (:tasks is null or head.task in (select value from json_each(:tasks))
                    or case when instr(head.policy, '"raw"') > 0 then char(9) else char(10) end || head.queue
                        in (select value from json_each(:tasks)))
            order by head.due, head.seq
            limit :most
        )
    )
    where place <= count
    order by rank, (place - 1) / weight, ord
    limit :batch
)
returning tenant, id, token, version, task, queue,
    case when args = '' then coalesce((select p.args from holdfast_payloads p where p.seq = holdfast_jobs.seq), '')
        else args end,
    priority, attempt, max_attempts, crashes, timeout, policy, due, seq, metadata,
    (deadline_at - :now) / 1000000.0, gates
