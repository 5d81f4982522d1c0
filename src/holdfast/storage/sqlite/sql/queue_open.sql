-- A row for a queue of which nothing was said before.
--: silent one tenant, name
insert into holdfast_queues (tenant, name, updated_at) values (:tenant, :name, :now)
on conflict (tenant, name) do nothing
