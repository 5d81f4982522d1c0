-- Of which queues workers have to know something: paused, with a limit or a pace, or with defaults for their jobs.
--: read one tenant
select name, paused_at is not null, concurrency is not null or spacing is not null, defaults
from "holdfast".queues
where tenant = :tenant::text
    and (paused_at is not null or concurrency is not null or spacing is not null or defaults <> '{}')
