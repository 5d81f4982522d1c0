-- Batches wait for the ends of jobs; each that they did not wait for already is answered.
--: rows tenant, id, job
insert into holdfast_waits (tenant, job, id, need, batch) values (:tenant, :job, :id, 'finished', 1)
on conflict (tenant, job, id) do nothing
