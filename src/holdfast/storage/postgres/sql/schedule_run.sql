-- Notes that instants of schedules get their job. Answers those that had none: only they may be enqueued.
-- `nth` is 0 for the rule's own instants.
--: rows tenant, name, instant, nth, id, timed
with noted as (
    insert into "holdfast".schedule_runs (tenant, name, instant, nth, id, timed, fired_at)
    select n.tenant, n.name, timestamptz 'epoch' + n.instant * interval '1 microsecond', n.nth, n.id, n.timed, t.moment
    from unnest(:tenant::text[], :name::text[], :instant::int8[], :nth::int8[], :id::uuid[],
            :timed::bool[])
        as n (tenant, name, instant, nth, id, timed)
    cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
    order by n.tenant, n.name, n.instant, n.nth
    on conflict (tenant, name, instant, nth) do nothing
    returning id
)
select n.ord
from unnest(:id::uuid[]) with ordinality as n (id, ord)
where exists (select from noted where noted.id = n.id)
order by n.ord
