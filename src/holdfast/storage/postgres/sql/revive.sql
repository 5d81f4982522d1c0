-- A job that ended begins a new version: everything it carried, a full number of attempts, a token past all its old ones.
--: rows tenant, id, version, delay
insert into "holdfast".jobs (tenant, id, version, task, queue, state, priority, due, args, group_key, tags, metadata,
    max_attempts, timeout, policy, schedule_id, token, created_at, updated_at)
select h.tenant, h.id, h.version + 1, h.task, h.queue, case when r.delay > 0 then 'scheduled' else 'ready' end,
    h.priority, t.moment + r.delay * interval '1 second', h.args, h.group_key, h.tags, h.metadata,
    h.max_attempts, h.timeout, h.policy, h.schedule_id, h.token + 1, h.created_at, t.moment
from unnest(:tenant::text[], :id::uuid[], :version::int4[], :delay::float8[])
    with ordinality as r (tenant, id, version, delay, ord)
cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
cross join lateral (
    select * from "holdfast".history
    where tenant = r.tenant and id = r.id and version = r.version and not stub
    limit 1
) as h
order by r.ord
on conflict (tenant, id) do nothing
returning 1
