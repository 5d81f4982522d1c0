-- All of which something was said, by name.
--: read one tenant, batch
select tenant, name, display_name, paused_at, paused_by, concurrency, spacing, defaults, updated_at
from "holdfast".queues where tenant = :tenant::text order by name limit :batch::int4
