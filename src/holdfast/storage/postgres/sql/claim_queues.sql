-- Takes the next jobs of some queues, from a remembered place in the order on; see claim.sql.
-- Each queue's head is read from its own index, so a long queue that is not asked for costs nothing.
--: one worker, claim, lease, batch, suspects, tasks, after_rank, after_tenant, after_due, after_seq, queues
with picked as materialized (
    select found.place
    from unnest(:queues::text[]) as asked (queue)
    cross join lateral (
        select j.ctid as place, (-j.priority::int8) as rank, j.tenant, j.due, j.seq
        from "holdfast".jobs j
        where j.state = 'ready' and j.queue = asked.queue and j.queue <> ''
            and ((-j.priority::int8), j.tenant, j.due, j.seq) > (:after_rank::int8, :after_tenant::text, :after_due::timestamptz, :after_seq::int8)
            and case when (j.crashes <= :suspects::int4 or j.policy like '%"max_crashes"_null%') and j.stop_reason is null
                    and (j.expires_at is null or j.expires_at > coalesce(:now::timestamptz, statement_timestamp()))
                    and (j.deadline_at is null or j.deadline_at > coalesce(:now::timestamptz, statement_timestamp()))
                    and (:tasks::text[] is null or j.task = any (:tasks::text[])
                        or case when strpos(j.policy, '"raw"') > 0 then chr(9) else chr(10) end || j.queue
                            = any (:tasks::text[]))
                then 1 end is not null
        order by (-j.priority::int8), j.tenant, j.due, j.seq
        limit (select :batch::int4)
        for update skip locked
    ) as found
    order by found.rank, found.tenant, found.due, found.seq
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
