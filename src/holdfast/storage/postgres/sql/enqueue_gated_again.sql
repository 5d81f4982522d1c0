-- Stores new jobs some of which have gates, and whose first try may have been committed: those that are there stay as they are.
--: silent rows tenant, id, queue, task, args, priority, delay, run_at, max_attempts, timeout, policy, tags, metadata, expires, deadline, reason, group_key, gates
insert into "holdfast".jobs (tenant, id, queue, task, args, priority, max_attempts, timeout, policy, tags, metadata,
    state, reason, group_key, gates, due, expires_at, deadline_at, created_at, updated_at)
select n.tenant, n.id, n.queue, n.task, n.args, n.priority, n.max_attempts, n.timeout, n.policy, n.tags, n.metadata,
    case when d.due > t.moment then 'scheduled' when n.gates is null then 'ready' else 'blocked' end,
    case when d.due <= t.moment and n.gates is not null then n.reason end, n.group_key, n.gates, d.due,
    t.moment + n.expires * interval '1 second', t.moment + n.deadline * interval '1 second', t.moment, t.moment
from unnest(:tenant::text[], :id::uuid[], :queue::text[], :task::text[], :args::text[], :priority::int4[],
        :delay::float8[], :run_at::int8[], :max_attempts::int4[], :timeout::float8[], :policy::text[],
        :tags::text[], :metadata::text[], :expires::float8[], :deadline::float8[], :reason::text[],
        :group_key::text[], :gates::text[])
    with ordinality as n (tenant, id, queue, task, args, priority, delay, run_at, max_attempts, timeout, policy,
        tags, metadata, expires, deadline, reason, group_key, gates, ord)
cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
cross join lateral (select greatest(t.moment, coalesce(
        timestamptz 'epoch' + n.run_at * interval '1 microsecond',
        t.moment + n.delay * interval '1 second',
        t.moment)) as due) as d
order by n.ord
on conflict (tenant, id) do nothing
