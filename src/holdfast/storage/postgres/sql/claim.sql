-- Takes the next jobs of every queue, from a remembered place in the order on.
-- Rows are taken by their place in the table: no statistics can turn that into a walk through an index, and a row
-- that moved meanwhile is simply left for the next look. Others' locks are skipped, never waited for.
-- The planner must not guess that few rows qualify, for then it would fetch and sort all that are ready: the limit is
-- hidden from it (it reckons with a tenth), and so is what the conditions beside the order are about (with nearly all).
--: one worker, claim, lease, batch, suspects, tasks, after_rank, after_tenant, after_due, after_seq
with picked as materialized (
    select ctid as place
    from "holdfast".jobs
    where state = 'ready' and tenant <> ''
        and ((-priority::int8), tenant, due, seq) > (:after_rank::int8, :after_tenant::text, :after_due::timestamptz, :after_seq::int8)
        and case when (crashes <= :suspects::int4 or policy like '%"max_crashes"_null%') and stop_reason is null
                and (expires_at is null or expires_at > coalesce(:now::timestamptz, statement_timestamp()))
                and (deadline_at is null or deadline_at > coalesce(:now::timestamptz, statement_timestamp()))
                and (:tasks::text[] is null or task = any (:tasks::text[])
                    or case when strpos(policy, '"raw"') > 0 then chr(9) else chr(10) end || queue = any (:tasks::text[]))
            then 1 end is not null
    order by (-priority::int8), tenant, due, seq
    limit (select :batch::int4)
    for update skip locked
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
