-- How the schedules of a tenant stand, and what they did in the last day.
--: read one tenant
select (select count(*) from holdfast_schedules s where tenant = :tenant and not paused and parked is null
        and next_at is not null),
    (select count(*) from holdfast_schedules s where tenant = :tenant and paused and parked is null),
    (select count(*) from holdfast_schedules s where tenant = :tenant and parked is not null),
    (select count(*) from holdfast_schedules s where tenant = :tenant and not paused and parked is null
        and next_at is null),
    (select min(next_at) from holdfast_schedules s where tenant = :tenant and not paused and parked is null),
    (select count(*) from holdfast_schedule_runs where tenant = :tenant and fired_at > :now - 86400000000),
    (select count(*) from holdfast_schedule_runs r where tenant = :tenant and fired_at > :now - 86400000000
        and exists (select 1 from holdfast_history h where h.tenant = r.tenant and h.id = r.id and h.state = 'failed')),
    (select max(fired_at - instant) / 1000000.0 from holdfast_schedule_runs
        where tenant = :tenant and fired_at > :now - 86400000000 and timed),
    (select avg(fired_at - instant) / 1000000.0 from holdfast_schedule_runs
        where tenant = :tenant and fired_at > :now - 86400000000 and timed)
