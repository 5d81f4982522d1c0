-- Opens batches; one that is there stays as it is.
--: silent rows tenant, id, name, keep
insert into holdfast_batches (tenant, id, name, keep, created_at) values (:tenant, :id, :name, :keep, :now)
on conflict (tenant, id) do nothing
