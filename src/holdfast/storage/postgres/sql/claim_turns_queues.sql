-- Takes jobs of lines of some queues; see claim_turns.sql.
--: one worker, claim, lease, batch, suspects, tasks, lines, most
with picked as materialized (
    select place from (
        select found.place, line.rank, line.ord,
            (row_number() over (partition by line.ord order by found.due, found.seq) - 1) / line.weight as visit
        from jsonb_to_recordset(:lines::jsonb) as line (ord int4, rank int8, tenant text, weight int4, queue text,
            count int4, due timestamptz, seq int8)
        cross join lateral (
            select j.ctid as place, j.due, j.seq
            from "holdfast".jobs j
            where j.state = 'ready' and j.queue = line.queue and j.queue <> '' and j.tenant = line.tenant
                and (-j.priority::int8) = line.rank
                and (j.due, j.seq) > (coalesce(line.due, '-infinity'), line.seq)
                and case when (j.crashes <= :suspects::int4 or j.policy like '%"max_crashes"_null%')
                        and j.stop_reason is null
                        and (j.expires_at is null or j.expires_at > coalesce(:now::timestamptz, statement_timestamp()))
                        and (j.deadline_at is null or j.deadline_at > coalesce(:now::timestamptz, statement_timestamp()))
                        and (:tasks::text[] is null or j.task = any (:tasks::text[])
                            or case when strpos(j.policy, '"raw"') > 0 then chr(9) else chr(10) end || j.queue
                                = any (:tasks::text[]))
                    then 1 end is not null
            order by j.queue, (-j.priority::int8), j.tenant, j.due, j.seq
            limit (select least(line.count, :most::int4))
            for update skip locked
        ) as found
    ) as ranked
    order by rank, visit, ord
    limit (select :batch::int4)
)
update "holdfast".jobs
set state = 'running', reason = null, token = token + 1, attempt = attempt + 1, worker = :worker::text,
    claim_id = :claim::uuid, updated_at = coalesce(:now::timestamptz, statement_timestamp()),
    started_at = coalesce(:now::timestamptz, statement_timestamp()),
    lease_until = coalesce(:now::timestamptz, statement_timestamp()) + :lease::float8 * interval '1 second'
where ctid = any (array (select place from picked))
returning tenant, id::text, token, version, task, queue, args, priority, attempt, max_attempts, crashes, timeout,
    policy, due, seq, metadata,
    extract(epoch from deadline_at - coalesce(:now::timestamptz, statement_timestamp()))::float8, gates
