-- How long jobs waited and ran that ended from one instant to before another; one row of each minute, hour or day, queue
-- and task.
--: read one grain, low, high, tenant, queue, task, batch
select waits, runs
from holdfast_stats
where grain = :grain and at >= :low and at < :high and (:tenant is null or tenant = :tenant)
    and (:queue is null or queue = :queue) and (:task is null or task = :task)
limit :batch
