-- How many live jobs were counted last, and when.
--: read one tenant, batch
select tenant, state, queue, task, count, due, coalesce((select pos from holdfast_stats_marks where name = 'live'), 0)
from holdfast_stats_live
where :tenant is null or tenant = :tenant
limit :batch
