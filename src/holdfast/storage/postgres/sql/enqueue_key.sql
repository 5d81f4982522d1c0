-- Stores new jobs whose key no live job has; for others says who has it: a row for each, but for those whose key was
-- taken by a commit that this statement does not see yet, which are asked for again.
-- Keys are locked in their order, so that no two processes wait for each other; the order of the jobs is their own.
--: rows tenant, id, queue, task, args, priority, delay, run_at, max_attempts, timeout, policy, tags, metadata, expires, deadline, key, conflict, group_key, gates
with asked as materialized (
    select n.*, nextval('"holdfast".jobs_seq_seq') as seq, t.moment, d.due
    from unnest(:tenant::text[], :id::uuid[], :queue::text[], :task::text[], :args::text[], :priority::int4[],
            :delay::float8[], :run_at::int8[], :max_attempts::int4[], :timeout::float8[], :policy::text[],
            :tags::text[], :metadata::text[], :expires::float8[], :deadline::float8[], :key::text[], :conflict::text[],
            :group_key::text[], :gates::text[])
        with ordinality as n (tenant, id, queue, task, args, priority, delay, run_at, max_attempts, timeout, policy,
            tags, metadata, expires, deadline, key, conflict, group_key, gates, ord)
    cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
    cross join lateral (select greatest(t.moment, coalesce(
            timestamptz 'epoch' + n.run_at * interval '1 microsecond',
            t.moment + n.delay * interval '1 second',
            t.moment)) as due) as d
), made as (
    insert into "holdfast".jobs (tenant, id, seq, queue, task, args, priority, max_attempts, timeout, policy, tags,
        metadata, key, group_key, gates, state, reason, due, expires_at, deadline_at, created_at, updated_at)
    overriding system value
    select tenant, id, seq, queue, task, args, priority, max_attempts, timeout, policy, tags, metadata, key,
        group_key, gates, case when due > moment then 'scheduled' when gates is null then 'ready' else 'blocked' end,
        case when due <= moment and gates is not null then 'gate_entry' end, due,
        moment + expires * interval '1 second', moment + deadline * interval '1 second', moment, moment
    from asked
    order by tenant, queue, key
    on conflict (tenant, queue, key) where key is not null do nothing
    returning id
), whole as materialized (
    select (select count(*) from made) = (select count(*) from asked) as whole
), new as materialized (
    select w.whole, coalesce((select jsonb_object_agg(id, true) from made where not w.whole), '{}') as ids from whole w
)
select a.ord, a.id::text, 1, 'new', null, null, null
from asked a cross join new where new.whole or jsonb_exists(new.ids, a.id::text)
union all
select a.ord, j.id::text, j.version, j.state, case when a.conflict = 'merge' then j.args end, j.pending, j.gates
from asked a cross join new
cross join lateral (
    select id, version, state, args, pending, gates from "holdfast".jobs
    where tenant = a.tenant and queue = a.queue and key = a.key limit 1
) as j
where not new.whole and not jsonb_exists(new.ids, a.id::text)
