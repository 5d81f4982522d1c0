-- Writes what is counted of some minutes, hours and days, in the place of what was there.
--: silent rows grain, instant, tenant, queue, task, succeeded, failed, cancelled, stalled, seen, waits, runs
insert into holdfast_stats (grain, at, tenant, queue, task, succeeded, failed, cancelled, stalled, failed_at, waits, runs)
values (:grain, :instant, :tenant, :queue, :task, :succeeded, :failed, :cancelled, :stalled, :seen, :waits, :runs)
on conflict (grain, at, tenant, queue, task) do update
set succeeded = excluded.succeeded, failed = excluded.failed, cancelled = excluded.cancelled, stalled = excluded.stalled,
    failed_at = excluded.failed_at, waits = excluded.waits, runs = excluded.runs
