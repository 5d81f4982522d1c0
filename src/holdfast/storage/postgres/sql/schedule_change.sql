-- Writes schedules anew that are there; what they have done so far stays.
--: rows tenant, name, source, deployment, task, args, job, spec, anchor, next, due, paused, parked
update "holdfast".schedules s
set source = n.source, deployment = n.deployment, task = n.task, args = n.args, job = n.job, spec = n.spec,
    anchor_at = timestamptz 'epoch' + n.anchor * interval '1 microsecond',
    next_at = timestamptz 'epoch' + n.next * interval '1 microsecond',
    due_at = timestamptz 'epoch' + n.due * interval '1 microsecond',
    paused = n.paused, parked = n.parked, updated_at = coalesce(:now::timestamptz, statement_timestamp())
from unnest(:tenant::text[], :name::text[], :source::text[], :deployment::text[], :task::text[], :args::text[],
        :job::text[], :spec::text[], :anchor::int8[], :next::int8[], :due::int8[], :paused::bool[], :parked::text[])
    with ordinality
    as n (tenant, name, source, deployment, task, args, job, spec, anchor, next, due, paused, parked, ord)
where s.tenant = n.tenant and s.name = n.name
returning n.ord
