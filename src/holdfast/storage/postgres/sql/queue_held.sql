-- What was said of one queue, locked: to say something else.
--: one tenant, name
select tenant, name, display_name, paused_at, paused_by, concurrency, spacing, defaults, updated_at
from "holdfast".queues where tenant = :tenant::text and name = :name::text
for update
