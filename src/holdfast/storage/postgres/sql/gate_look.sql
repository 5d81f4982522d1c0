-- What is in locked gates: `used` (the places taken, whether it is shut, for how many seconds a start still keeps it so),
-- `offer` (ready jobs that nobody has claimed yet), `gone` (places of jobs that are not there), and `waits`: the head of
-- the line.
--: rows tenant, gate, spacing, batch
with asked as materialized (
    select a.*, coalesce(:now::timestamptz, statement_timestamp()) as moment
    from unnest(:tenant::text[], :gate::text[], :spacing::float8[], :batch::int4[])
        with ordinality as a (tenant, gate, spacing, batch, ord)
), seats as materialized (
    select a.ord, a.spacing, a.moment, s.*, j.state, j.queue, j.task, j.gates, j.updated_at, j.started_at
    from asked a
    cross join lateral (
        select id, rank, due, seq, weight, stop from "holdfast".gate_jobs
        where tenant = a.tenant and gate = a.gate and held
        order by tenant, gate, id
    ) as s
    left join lateral (
        select state, queue, task, gates, updated_at, started_at from "holdfast".jobs
        where tenant = a.tenant and id = s.id limit 1) as j on true
)
select a.ord, 'used' as kind, null::text as id, null::int8 as rank, null::timestamptz as due, null::int8 as seq,
    coalesce((select sum(weight) from seats s where s.ord = a.ord and (s.state is not null or s.stop)), 0)::int8 as weight,
    case when exists (select from seats s where s.ord = a.ord and s.stop) then 'stop' end as state,
    null::text as queue, null::text as task, null::text as gates,
    greatest(0, (select max(extract(epoch from n.due - a.moment)) from "holdfast".gate_notes n
            where n.tenant = a.tenant and n.gate = a.gate and n.start and n.due > a.moment and a.spacing is not null),
        (select max(extract(epoch from s.started_at - a.moment) + a.spacing * s.weight) from seats s
            where s.ord = a.ord and s.state = 'running'))::float8 as age, null::float8 as passed
from asked a
union all
select ord, case when state is null then 'gone' else 'offer' end, id::text, rank, due, seq, weight, state, queue, task,
    gates, extract(epoch from moment - updated_at)::float8, null
from seats where (state is null and not stop) or state = 'ready'
union all
select a.ord, 'waits', w.id::text, w.rank, w.due, w.seq, w.weight, j.state, j.queue, j.task, j.gates, null,
    extract(epoch from a.moment - w.passed_at)::float8
from asked a
cross join lateral (
    select id, rank, due, seq, weight, passed_at from "holdfast".gate_jobs
    where tenant = a.tenant and gate = a.gate and not held
    order by tenant, gate, rank, due, seq limit (select a.batch)
) as w
left join lateral (
    select state, queue, task, gates from "holdfast".jobs where tenant = a.tenant and id = w.id limit 1) as j on true
