-- Keeps a tenant's value under a key.
--: one tenant, key, value
insert into holdfast_metadata (tenant, key, value, updated_at) values (:tenant, :key, :value, :now)
on conflict (tenant, key) do update set value = excluded.value, updated_at = excluded.updated_at
