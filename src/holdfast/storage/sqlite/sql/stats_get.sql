-- What is counted by now of some minutes, hours and days.
--: rows grain, instant, tenant, queue, task
select succeeded, failed, cancelled, stalled, failed_at, waits, runs
from holdfast_stats
where grain = :grain and at = :instant and tenant = :tenant and queue = :queue and task = :task
