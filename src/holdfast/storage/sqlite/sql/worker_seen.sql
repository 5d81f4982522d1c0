-- A worker's sign of life.
--: one boot, name, host, pid, queues, tasks, lease, running, concurrency, paused, version
insert into holdfast_workers (boot, name, host, pid, queues, tasks, lease, running, concurrency, paused, version,
    started_at, seen_at, expires_at)
values (:boot, :name, :host, :pid, :queues, :tasks, :lease, :running, :concurrency, :paused, :version, :now, :now,
    cast(:now + 2 * :lease * 1000000 as integer))
on conflict (boot) do update
set tasks = excluded.tasks, running = excluded.running, paused = excluded.paused, seen_at = excluded.seen_at,
    expires_at = excluded.expires_at
returning 1
