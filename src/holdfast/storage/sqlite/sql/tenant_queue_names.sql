-- Queues of a tenant's jobs, as far as so many of them show.
--: read one tenant, batch
select distinct queue from (
    select queue from holdfast_jobs where tenant = :tenant order by tenant, id limit :batch)
