-- A job that ended begins a new version: what it was to do, a full number of attempts, a token past all its old ones.
-- Left behind: its errors and progress, and when it was to have started (expires) or ended (deadline). Not where
-- another live job has its key.
--: rows tenant, id, version, delay
with asked as (
    select r.tenant, r.id, r.version, r.delay, r.ord
    from unnest(:tenant::text[], :id::uuid[], :version::int4[], :delay::float8[])
        with ordinality as r (tenant, id, version, delay, ord)
), made as (
insert into "holdfast".jobs (tenant, id, version, task, queue, state, reason, priority, due, args, key, group_key, gates, tags, metadata,
    max_attempts, timeout, policy, schedule_id, token, created_at, updated_at)
select h.tenant, h.id, h.version + 1, h.task, h.queue, case when r.delay > 0 then 'scheduled' when h.gates is null then 'ready' else 'blocked' end,
    case when h.gates is not null and r.delay <= 0 then 'gate_entry' end,
    h.priority, t.moment + r.delay * interval '1 second', h.args, h.key, h.group_key, h.gates, h.tags, h.metadata,
    h.max_attempts, h.timeout, h.policy, h.schedule_id, h.token + 1, h.created_at, t.moment
from asked as r
cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
cross join lateral (
    select * from "holdfast".history
    where tenant = r.tenant and id = r.id and version = r.version and not stub
        and not exists (
            select from "holdfast".history n where n.tenant = r.tenant and n.id = r.id and n.version > r.version)
    limit 1
) as h
order by r.ord
on conflict do nothing
returning tenant, id, reason, policy
)
select a.ord, m.reason is not null, m.policy from made m join asked a on a.tenant = m.tenant and a.id = m.id
