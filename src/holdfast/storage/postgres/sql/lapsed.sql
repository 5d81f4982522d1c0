-- Of some jobs that are locked already those that running.sql would find, as expired.sql tells of them.
--: rows tenant, id, age, forced
select a.ord, j.tenant, j.id::text, j.token, j.attempt, j.max_attempts, j.crashes, j.policy, j.worker, j.task, j.queue,
    j.stop_reason, j.gates
from unnest(:tenant::text[], :id::uuid[], :age::float8[], :forced::int4[])
    with ordinality as a (tenant, id, age, forced, ord)
cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
cross join lateral (
    select * from "holdfast".jobs
    where tenant = a.tenant and id = a.id
    limit 1
) as j
where j.state = 'running' and (a.forced <> 0 or j.lease_until < t.moment)
    and j.started_at <= t.moment - a.age * interval '1 second'
