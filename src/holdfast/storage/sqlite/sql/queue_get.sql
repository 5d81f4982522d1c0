-- What was said of one queue.
--: read one tenant, name
select tenant, name, display_name, paused_at, paused_by, concurrency, spacing, defaults, updated_at
from holdfast_queues where tenant = :tenant and name = :name
