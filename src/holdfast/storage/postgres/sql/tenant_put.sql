-- What is said of a tenant from now on.
--: silent one tenant, weight, most_live, most_stored
insert into "holdfast".tenants as t (tenant, weight, live, storage, updated_at)
values (:tenant::text, :weight::int4, :most_live::int4, :most_stored::int8, coalesce(:now::timestamptz, statement_timestamp()))
on conflict (tenant) do update
set weight = excluded.weight, live = excluded.live, storage = excluded.storage, updated_at = excluded.updated_at
