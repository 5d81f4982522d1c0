-- How many jobs ended in each minute, hour or day from one instant to before another, in ascending order.
--: read one grain, low, high, tenant, queue, task
select at, sum(succeeded), sum(failed), sum(cancelled), sum(stalled)
from holdfast_stats
where grain = :grain and at >= :low and at < :high and (:tenant is null or tenant = :tenant)
    and (:queue is null or queue = :queue) and (:task is null or task = :task)
group by at
