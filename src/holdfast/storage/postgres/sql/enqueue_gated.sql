-- Stores new jobs some of which have gates. These are blocked, and stand in the line of the first (`line`) or in none yet:
-- only a look at their gates makes one of them ready. Those due later come to them then.
--: silent rows tenant, id, queue, task, args, priority, delay, run_at, max_attempts, timeout, policy, tags, metadata, expires, deadline, reason, group_key, gates, line, weight, odd
with asked as materialized (
    select n.*, nextval('"holdfast".jobs_seq_seq') as seq, t.moment, d.due
    from unnest(:tenant::text[], :id::uuid[], :queue::text[], :task::text[], :args::text[], :priority::int4[],
            :delay::float8[], :run_at::int8[], :max_attempts::int4[], :timeout::float8[], :policy::text[],
            :tags::text[], :metadata::text[], :expires::float8[], :deadline::float8[], :reason::text[],
            :group_key::text[], :gates::text[], :line::text[], :weight::int4[], :odd::bool[])
        with ordinality as n (tenant, id, queue, task, args, priority, delay, run_at, max_attempts, timeout, policy,
            tags, metadata, expires, deadline, reason, group_key, gates, line, weight, odd, ord)
    cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
    cross join lateral (select greatest(t.moment, coalesce(
            timestamptz 'epoch' + n.run_at * interval '1 microsecond',
            t.moment + n.delay * interval '1 second',
            t.moment)) as due) as d
), made as (
    insert into "holdfast".jobs (tenant, id, seq, queue, task, args, priority, max_attempts, timeout, policy, tags,
        metadata, state, reason, group_key, gates, due, expires_at, deadline_at, created_at, updated_at)
    overriding system value
    select tenant, id, seq, queue, task, args, priority, max_attempts, timeout, policy, tags, metadata,
        case when due > moment then 'scheduled' when gates is null then 'ready' else 'blocked' end,
        case when due <= moment and gates is not null then reason end, group_key, gates, due,
        moment + expires * interval '1 second', moment + deadline * interval '1 second', moment, moment
    from asked
)
insert into "holdfast".gate_jobs (tenant, id, gate, rank, due, seq, weight, odd)
select tenant, id, line, (-priority::int8), due, seq, weight, odd from asked where line is not null and due <= moment
