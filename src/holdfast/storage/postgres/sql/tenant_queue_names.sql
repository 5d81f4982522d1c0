-- Queues of a tenant's jobs, as far as so many of them show.
--: read one tenant, batch
select distinct queue from (
    select queue from "holdfast".jobs where tenant = :tenant::text order by tenant, id limit (select :batch::int4)) as live
