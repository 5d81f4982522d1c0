-- A job that waits, with other options. Its place before gates follows its priority.
--: rows tenant, id, queue, priority, args, delay, run_at, max_attempts, timeout, policy, tags, metadata
with held as materialized (
    select j.place, n.*, t.moment, greatest(t.moment, coalesce(timestamptz 'epoch' + n.run_at * interval '1 microsecond',
        t.moment + n.delay * interval '1 second')) as due, n.run_at is not null or n.delay is not null as moved
    from unnest(:tenant::text[], :id::uuid[], :queue::text[], :priority::int4[], :args::text[], :delay::float8[],
            :run_at::int8[], :max_attempts::int4[], :timeout::float8[], :policy::text[], :tags::text[], :metadata::text[])
        with ordinality as n (tenant, id, queue, priority, args, delay, run_at, max_attempts, timeout, policy, tags,
            metadata, ord)
    cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
    cross join lateral (
        select ctid as place, state, queue as lane, key from "holdfast".jobs
        where tenant = n.tenant and id = n.id
        limit 1
        for update
    ) as j
    where j.state in ('scheduled', 'blocked', 'ready') and (j.lane = n.queue or j.key is null or not exists (
        select from "holdfast".jobs o where o.tenant = n.tenant and o.queue = n.queue and o.key = j.key))
), moved as (
    update "holdfast".gate_jobs g set rank = -l.priority
    from held h
    cross join lateral (
        select ctid as place, h.priority from "holdfast".gate_jobs
        where tenant = h.tenant and id = h.id and not held limit 1000) as l
    where g.ctid = l.place
)
update "holdfast".jobs j
set queue = h.queue, priority = h.priority, args = coalesce(h.args, j.args), max_attempts = h.max_attempts,
    timeout = h.timeout, policy = h.policy, tags = h.tags, metadata = h.metadata, updated_at = h.moment,
    due = case when h.moved then h.due else j.due end,
    state = case when not h.moved then j.state when h.due > h.moment then 'scheduled' else 'ready' end,
    reason = case when not h.moved then j.reason end
from held h
where j.ctid = h.place
returning h.ord
