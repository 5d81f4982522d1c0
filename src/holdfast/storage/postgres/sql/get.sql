-- One or more jobs by id, live or finished; of a finished one its newest version.
--: read rows tenant, id
with asked as (
    select * from unnest(:tenant::text[], :id::uuid[]) with ordinality as a (tenant, id, ord)
)
select a.ord, j.tenant, j.id::text, j.version, j.seq, j.task, j.queue, j.state, j.reason, j.priority, j.due, j.args,
    null::text, j.key, j.group_key, j.tags, j.metadata, j.attempt, j.max_attempts, j.crashes, j.timeout, j.policy,
    j.errors, j.progress, j.schedule_id, j.worker, j.created_at, j.started_at, null::timestamptz, j.updated_at, false,
    j.token
from asked a
join "holdfast".jobs j on j.tenant = a.tenant and j.id = a.id
union all
select a.ord, h.*
from asked a
cross join lateral (
    select tenant, id::text, version, seq, task, queue, state, reason, priority, due, args, result, key, group_key,
        tags, metadata, attempt, max_attempts, crashes, timeout, policy, errors, progress, schedule_id, worker,
        created_at, started_at, finished_at, updated_at, stub, token
    from "holdfast".history f
    where f.tenant = a.tenant and f.id = a.id
    order by version desc
    limit 1
) h
where not exists (select from "holdfast".jobs j where j.tenant = a.tenant and j.id = a.id)
