-- Stores new schedules. Answers those that were not there.
--: rows tenant, name, source, deployment, task, args, job, spec, anchor, next, due, paused
with added as (
    insert into "holdfast".schedules (tenant, name, source, deployment, task, args, job, spec, anchor_at, next_at,
        due_at, paused, created_at, updated_at)
    select n.tenant, n.name, n.source, n.deployment, n.task, n.args, n.job, n.spec,
        timestamptz 'epoch' + n.anchor * interval '1 microsecond',
        timestamptz 'epoch' + n.next * interval '1 microsecond',
        timestamptz 'epoch' + n.due * interval '1 microsecond', n.paused,
        t.moment, t.moment
    from unnest(:tenant::text[], :name::text[], :source::text[], :deployment::text[], :task::text[], :args::text[],
            :job::text[], :spec::text[], :anchor::int8[], :next::int8[], :due::int8[], :paused::bool[])
        as n (tenant, name, source, deployment, task, args, job, spec, anchor, next, due, paused)
    cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
    order by n.tenant, n.name
    on conflict (tenant, name) do nothing
    returning tenant, name
)
select n.ord
from unnest(:tenant::text[], :name::text[]) with ordinality as n (tenant, name, ord)
where exists (select from added a where a.tenant = n.tenant and a.name = n.name)
