-- A worker's sign of life.
--: one boot, name, host, pid, queues, tasks, lease, running, concurrency, paused, version
insert into "holdfast".workers (boot, name, host, pid, queues, tasks, lease, running, concurrency, paused, version,
    started_at, seen_at, expires_at)
values (:boot::text, :name::text, :host::text, :pid::int4, :queues::text, :tasks::text, :lease::float8,
    :running::int4, :concurrency::int4, :paused::boolean, :version::text, coalesce(:now::timestamptz, statement_timestamp()),
    coalesce(:now::timestamptz, statement_timestamp()),
    coalesce(:now::timestamptz, statement_timestamp()) + 2 * :lease::float8 * interval '1 second')
on conflict (boot) do update
set tasks = excluded.tasks, running = excluded.running, paused = excluded.paused, seen_at = excluded.seen_at,
    expires_at = excluded.expires_at
returning 1
