-- What is said of a tenant from now on.
--: silent one tenant, weight, most_live, most_stored
insert into holdfast_tenants (tenant, weight, live, storage, updated_at)
values (:tenant, :weight, :most_live, :most_stored, :now)
on conflict (tenant) do update
set weight = excluded.weight, live = excluded.live, storage = excluded.storage, updated_at = excluded.updated_at
