-- Locks jobs whose own time is over: asked to stop and waiting, not started in time, or past their deadline.
--: one batch
with stopped as materialized (
    select tenant, id, token, state, policy, stop_reason as why, gates
    from "holdfast".jobs
    where stop_reason is not null and state <> 'running'
    order by updated_at
    limit (select :batch::int4)
    for update skip locked
), expired as materialized (
    select tenant, id, token, state, policy, 'expired' as why, gates
    from "holdfast".jobs
    where expires_at <= coalesce(:now::timestamptz, statement_timestamp())
        and expires_at is not null and state in ('scheduled', 'blocked', 'ready')
    order by expires_at
    limit (select :batch::int4)
    for update skip locked
), late as materialized (
    select tenant, id, token, state, policy, 'deadline' as why, gates
    from "holdfast".jobs
    where deadline_at <= coalesce(:now::timestamptz, statement_timestamp())
        and deadline_at is not null and stop_reason is null
    order by deadline_at
    limit (select :batch::int4)
    for update skip locked
)
select tenant, id::text, token, state, policy, why, gates from stopped
union all
select tenant, id::text, token, state, policy, why, gates from expired
union all
select tenant, id::text, token, state, policy, why, gates from late
