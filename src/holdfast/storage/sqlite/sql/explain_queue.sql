-- What was said of a queue that holds its jobs up. Times are seconds from now.
--: read one tenant, name
select (:now - paused_at) / 1000000.0, paused_by, concurrency, spacing,
    (next_at - :now) / 1000000.0
from holdfast_queues where tenant = :tenant and name = :name
