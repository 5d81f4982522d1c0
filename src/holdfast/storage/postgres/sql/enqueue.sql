-- Stores new jobs. Says nothing back: an id of ours cannot be taken, and one that is taken is an error.
--: silent rows tenant, id, queue, task, args, priority, delay, run_at, max_attempts, timeout, policy, tags, metadata, expires, deadline
insert into "holdfast".jobs (tenant, id, queue, task, args, priority, max_attempts, timeout, policy, tags, metadata,
    state, due, expires_at, deadline_at, created_at, updated_at)
select n.tenant, n.id, n.queue, n.task, n.args, n.priority, n.max_attempts, n.timeout, n.policy, n.tags, n.metadata,
    case when d.due > t.moment then 'scheduled' else 'ready' end, d.due,
    t.moment + n.expires * interval '1 second', t.moment + n.deadline * interval '1 second', t.moment, t.moment
from unnest(:tenant::text[], :id::uuid[], :queue::text[], :task::text[], :args::text[], :priority::int4[],
        :delay::float8[], :run_at::int8[], :max_attempts::int4[], :timeout::float8[], :policy::text[],
        :tags::text[], :metadata::text[], :expires::float8[], :deadline::float8[])
    with ordinality as n (tenant, id, queue, task, args, priority, delay, run_at, max_attempts, timeout, policy,
        tags, metadata, expires, deadline, ord)
cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
cross join lateral (select greatest(t.moment, coalesce(
        timestamptz 'epoch' + n.run_at * interval '1 microsecond',
        t.moment + n.delay * interval '1 second',
        t.moment)) as due) as d
order by n.ord
