-- Jobs are to wait for the ends of others.
--: silent rows tenant, id, job, need
insert into holdfast_waits (tenant, job, id, need) values (:tenant, :job, :id, :need)
on conflict (tenant, job, id) do update set need = excluded.need, failed = 0
