-- Locks queues that have a limit or a pace, to claim from them. One that another claim has locked does not come back,
-- nor does a paused one. What runs of them is asked by the next statement, for this one's view is from before the lock.
--: one tenant, queues
select name, concurrency, spacing, (next_at - :now) / 1000000.0
from holdfast_queues
where tenant = :tenant and name in (select value from json_each(:queues)) and paused_at is null
order by name
