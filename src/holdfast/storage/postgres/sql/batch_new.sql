-- Opens batches; one that is there stays as it is.
--: silent rows tenant, id, name, keep
insert into "holdfast".batches (tenant, id, name, keep, created_at)
select a.tenant, a.id, a.name, a.keep, coalesce(:now::timestamptz, statement_timestamp())
from unnest(:tenant::text[], :id::uuid[], :name::text[], :keep::float8[]) as a (tenant, id, name, keep)
on conflict (tenant, id) do nothing
