-- Locks queues that have a limit or a pace, to claim from them. One that another claim has locked does not come back,
-- nor does a paused one. What runs of them is asked by the next statement, for this one's view is from before the lock.
--: one tenant, queues
select name, concurrency, spacing, extract(epoch from next_at - coalesce(:now::timestamptz, statement_timestamp()))::float8
from "holdfast".queues
where tenant = :tenant::text and name = any (:queues::text[]) and paused_at is null
order by name
for update skip locked
