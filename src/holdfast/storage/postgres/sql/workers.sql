-- Who works, newest first.
--: read one
select boot, name, host, pid, queues, tasks, lease, running, concurrency, paused, version, started_at, seen_at,
    expires_at > coalesce(:now::timestamptz, statement_timestamp())
from "holdfast".workers order by started_at desc limit 1000
