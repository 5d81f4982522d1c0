-- A row for a queue of which nothing was said before.
--: silent one tenant, name
insert into "holdfast".queues (tenant, name, updated_at)
values (:tenant::text, :name::text, coalesce(:now::timestamptz, statement_timestamp()))
on conflict (tenant, name) do nothing
