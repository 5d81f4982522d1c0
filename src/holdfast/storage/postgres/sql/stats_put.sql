-- Writes what is counted of some minutes, hours and days, in the place of what was there.
--: silent rows grain, instant, tenant, queue, task, succeeded, failed, cancelled, stalled, seen, waits, runs
insert into "holdfast".stats (grain, at, tenant, queue, task, succeeded, failed, cancelled, stalled, failed_at, waits, runs)
select a.grain, timestamptz 'epoch' + a.instant * interval '1 microsecond', a.tenant, a.queue, a.task, a.succeeded,
    a.failed, a.cancelled, a.stalled, timestamptz 'epoch' + a.seen * interval '1 microsecond', a.waits, a.runs
from unnest(:grain::text[], :instant::int8[], :tenant::text[], :queue::text[], :task::text[], :succeeded::int8[],
        :failed::int8[], :cancelled::int8[], :stalled::int8[], :seen::int8[], :waits::text[], :runs::text[])
    as a (grain, instant, tenant, queue, task, succeeded, failed, cancelled, stalled, seen, waits, runs)
on conflict (grain, at, tenant, queue, task) do update
set succeeded = excluded.succeeded, failed = excluded.failed, cancelled = excluded.cancelled, stalled = excluded.stalled,
    failed_at = excluded.failed_at, waits = excluded.waits, runs = excluded.runs
