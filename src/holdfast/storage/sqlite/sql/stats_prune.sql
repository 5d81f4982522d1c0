-- Forgets what was counted of long ago, a slice at a time.
--: rows grain, low, batch
delete from holdfast_stats
where (grain, at, tenant, queue, task) in (
    select grain, at, tenant, queue, task from holdfast_stats where grain = :grain and at < :low limit :batch)
returning 1
