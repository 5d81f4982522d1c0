-- Ends running jobs: the row leaves the hot table and enters history, where it is under this token and no other.
-- Rows locked by somebody's long transaction are skipped and tried again; rows under another token are not ours.
-- A row on which a newer request waits is left to hand_over.sql, one that others wait for to unwatch.sql.
-- Each row is looked up by itself: as a join the planner once walked the whole table for it. `state` is not asked for,
-- because with it the planner took the index of leases. Errors are joined as text, for jsonb refuses some valid JSON.
-- The end of a body that comes after a rescue took its attempt back, and before the next claim, counts it again.
--: rows tenant, id, token, state, reason, result, error, elapsed, keep
with held as materialized (
    select j.place, e.ord, e.state as end_state, e.reason as end_reason, e.result, e.error, e.elapsed, e.keep
    from unnest(:tenant::text[], :id::uuid[], :token::int8[], :state::text[], :reason::text[],
            :result::text[], :error::text[], :elapsed::float8[], :keep::float8[])
        with ordinality as e (tenant, id, token, state, reason, result, error, elapsed, keep, ord)
    cross join lateral (
        select ctid as place
        from "holdfast".jobs
        where tenant = e.tenant and id = e.id and token = e.token and pending is null and watched is null
        limit 1 for update skip locked
    ) as j
), gone as (
    delete from "holdfast".jobs j
    using held h
    where j.ctid = h.place
    returning j.*, h.*
), kept as (
    insert into "holdfast".history (tenant, id, version, seq, task, queue, state, reason, priority, due, args, result,
        key, group_key, gates, tags, metadata, attempt, max_attempts, crashes, timeout, policy, errors, progress,
        schedule_id, token, worker, created_at, started_at, finished_at, updated_at, keep_until, span, stub)
    select g.tenant, g.id, g.version, g.seq, g.task, g.queue, g.end_state, g.end_reason, g.priority, g.due,
        case when g.keep > 0 then g.args end, case when g.keep > 0 then g.result end,
        g.key, g.group_key, g.gates, g.tags, case when g.keep > 0 then g.metadata end,
        g.attempt + case when g.state = 'running' or g.elapsed is null then 0 else 1 end, g.max_attempts,
        g.crashes + case when g.end_reason = 'crashed' then 1 else 0 end, g.timeout, g.policy,
        case when g.keep <= 0 then null when g.error is null then g.errors
            else coalesce(left(nullif(g.errors, '[]'), -1) || ',', '[') || '{"at":'
                || (extract(epoch from t.moment) * 1000000)::int8 || ',' || substr(g.error, 2) || ']' end,
        case when g.keep > 0 then g.progress end, g.schedule_id, g.token, g.worker, g.created_at,
        coalesce(t.moment - g.elapsed * interval '1 second', g.started_at), t.moment, t.moment,
        t.moment + case when g.keep > 0 then g.keep else 3600 end * interval '1 second',
        case when g.keep <= 691200 then 'day' when g.keep <= 2764800 then 'week' when g.keep <= 63115200 then 'quarter'
            else 'open' end,
        g.keep <= 0
    from gone g
    cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
)
select ord from gone
