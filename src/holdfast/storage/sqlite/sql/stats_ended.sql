-- How many jobs ended from one instant to before another, by queue and task, and when one failed last.
--: read one grain, low, high, tenant, batch
select queue, task, sum(succeeded), sum(failed), sum(cancelled), sum(stalled), max(failed_at)
from holdfast_stats
where grain = :grain and at >= :low and at < :high and (:tenant is null or tenant = :tenant)
group by queue, task
limit :batch
