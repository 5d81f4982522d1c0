-- How the schedules of a tenant stand, and what they did in the last day.
--: read one tenant
with day as materialized (
    select tenant, id, timed, fired_at - instant as late
    from "holdfast".schedule_runs
    where tenant = :tenant::text and fired_at > coalesce(:now::timestamptz, statement_timestamp()) - interval '1 day'
), standing as materialized (
    select count(*) filter (where not paused and parked is null and next_at is not null) as active,
        count(*) filter (where paused and parked is null) as paused,
        count(*) filter (where parked is not null) as parked,
        count(*) filter (where not paused and parked is null and next_at is null) as ended,
        min(next_at) filter (where not paused and parked is null) as next_at
    from "holdfast".schedules
    where tenant = :tenant::text
)
select active, paused, parked, ended, next_at,
    (select count(*) from day),
    (select count(*) from day d cross join lateral (
        select from "holdfast".history h where h.tenant = d.tenant and h.id = d.id and h.state = 'failed' limit 1
    ) as failed),
    (select extract(epoch from max(late))::float8 from day where timed),
    (select extract(epoch from avg(late))::float8 from day where timed)
from standing
