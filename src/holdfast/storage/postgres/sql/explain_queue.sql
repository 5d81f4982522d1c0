-- What was said of a queue that holds its jobs up. Times are seconds from now.
--: read one tenant, name
select extract(epoch from coalesce(:now::timestamptz, statement_timestamp()) - paused_at)::float8, paused_by, concurrency, spacing,
    extract(epoch from next_at - coalesce(:now::timestamptz, statement_timestamp()))::float8
from "holdfast".queues where tenant = :tenant::text and name = :name::text
