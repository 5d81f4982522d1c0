-- Who works, newest first.
--: read one
select boot, name, host, pid, queues, tasks, lease, running, concurrency, paused, version, started_at, seen_at, expires_at > :now
from holdfast_workers order by started_at desc limit 1000
