-- Ends the version that runs, as finish.sql would, and begins the newer one that waits on its row: under a token past
-- its own, and with its delays counted from when it was asked for.
--: rows tenant, id, token, state, reason, result, error, elapsed, keep
with held as materialized (
    select j.place, j.job, j.next, e.*, t.moment
    from unnest(:tenant::text[], :id::uuid[], :token::int8[], :state::text[], :reason::text[],
            :result::text[], :error::text[], :elapsed::float8[], :keep::float8[])
        with ordinality as e (tenant, id, token, state, reason, result, error, elapsed, keep, ord)
    cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
    cross join lateral (
        select ctid as place, live as job, pending::jsonb as next from "holdfast".jobs as live
        where tenant = e.tenant and id = e.id and token = e.token and pending is not null
        limit 1
        for update skip locked
    ) as j
), begun as (
    update "holdfast".jobs j
    set version = n.version, token = j.token + 1, task = n.task, args = n.args, priority = n.priority,
        state = case when d.due > h.moment then 'scheduled' when n.gates is null then 'ready' else 'blocked' end,
        reason = case when d.due <= h.moment and n.gates is not null then 'gate_entry' end,
        group_key = n.group_key, gates = n.gates, due = d.due, attempt = 0,
        max_attempts = n.max_attempts, crashes = 0, timeout = n.timeout, policy = n.policy, errors = null,
        progress = null, pending = null, tags = n.tags, metadata = n.metadata, stop_reason = null,
        expires_at = d.asked + n.expires * interval '1 microsecond',
        deadline_at = d.asked + n.deadline * interval '1 microsecond',
        worker = null, claim_id = null, lease_until = null, created_at = d.asked, started_at = null,
        updated_at = h.moment
    from held h
    cross join lateral jsonb_to_record(h.next) as n (at int8, version int4, task text, args text, priority int4,
        delay int8, run_at int8, max_attempts int4, timeout float8, policy text, tags text, metadata text,
        expires int8, deadline int8, group_key text, gates text)
    cross join lateral (select timestamptz 'epoch' + n.at * interval '1 microsecond' as asked, greatest(h.moment,
        timestamptz 'epoch' + coalesce(n.run_at, n.at + n.delay) * interval '1 microsecond')
        as due) as d
    where j.ctid = h.place
    returning h.*
), kept as (
    insert into "holdfast".history
    select a.* from begun b cross join lateral "holdfast".archived(
        b.job, b.state, b.reason, b.result, b.error, b.elapsed, b.keep, b.moment, b.id::text) as a
)
select ord from begun
