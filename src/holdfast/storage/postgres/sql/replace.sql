-- A newer request takes the place of a job that waits: its next version, with everything as if it were new. Only where
-- the version still is what was seen. Leaves a mark, by which the request finds out what it came to.
--: rows tenant, id, version, request, task, args, priority, delay, run_at, max_attempts, timeout, policy, tags, metadata, expires, deadline, group_key, gates
with held as materialized (
    select j.place, n.*, d.due, t.moment
    from unnest(:tenant::text[], :id::uuid[], :version::int4[], :request::text[], :task::text[], :args::text[],
            :priority::int4[], :delay::float8[], :run_at::int8[], :max_attempts::int4[], :timeout::float8[],
            :policy::text[], :tags::text[], :metadata::text[], :expires::float8[], :deadline::float8[],
            :group_key::text[], :gates::text[])
        with ordinality as n (tenant, id, version, request, task, args, priority, delay, run_at, max_attempts, timeout,
            policy, tags, metadata, expires, deadline, group_key, gates, ord)
    cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
    cross join lateral (select greatest(t.moment, coalesce(timestamptz 'epoch' + n.run_at * interval '1 microsecond',
            t.moment + n.delay * interval '1 second', t.moment)) as due) as d
    cross join lateral (
        select ctid as place, state, policy from "holdfast".jobs
        where tenant = n.tenant and id = n.id and version = n.version
        limit 1
        for update
    ) as j
    where j.state <> 'running' and strpos(j.policy, '"undo":"') = 0
), written as (
    update "holdfast".jobs j
    set version = j.version + 1, token = j.token + 1, task = h.task, args = h.args, priority = h.priority,
        group_key = h.group_key, gates = h.gates, due = h.due,
        state = case when h.due > h.moment then 'scheduled' when h.gates is null then 'ready' else 'blocked' end,
        reason = case when h.due <= h.moment and h.gates is not null then 'gate_entry' end,
        attempt = 0, max_attempts = h.max_attempts, crashes = 0, timeout = h.timeout, policy = h.policy, errors = null,
        progress = null, tags = h.tags, metadata = h.metadata, stop_reason = null,
        expires_at = h.moment + h.expires * interval '1 second',
        deadline_at = h.moment + h.deadline * interval '1 second',
        worker = null, created_at = h.moment, started_at = null, updated_at = h.moment
    from held h
    where j.ctid = h.place
    returning h.ord, j.tenant, j.id, j.version, h.request, h.moment
), noted as (
    insert into "holdfast".marks (tenant, kind, name, id, version, since, keep_until)
    select tenant, 'request', request, id, version, moment, moment + interval '1 hour' from written
)
select ord, version from written
