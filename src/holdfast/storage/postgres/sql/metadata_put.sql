-- Keeps a tenant's value under a key.
--: one tenant, key, value
insert into "holdfast".metadata (tenant, key, value, updated_at) values (:tenant::text, :key::text, :value::text, coalesce(:now::timestamptz, statement_timestamp()))
on conflict (tenant, key) do update set value = excluded.value, updated_at = excluded.updated_at
