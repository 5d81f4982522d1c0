-- So many jobs of a queue with a pace start now.
--: silent rows tenant, name, seconds
update "holdfast".queues q
set next_at = greatest(q.next_at, coalesce(:now::timestamptz, statement_timestamp())) + s.seconds * interval '1 second'
from unnest(:tenant::text[], :name::text[], :seconds::float8[]) as s (tenant, name, seconds)
where q.tenant = s.tenant and q.name = s.name
