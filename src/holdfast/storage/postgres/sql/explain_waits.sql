-- What a job waits for that has not ended as it needs: jobs and batches, and how they stand.
--: read one tenant, id
select w.job::text, w.need, j.state, j.task, b.name
from (
    select tenant, job, need from "holdfast".waits
    where tenant = :tenant::text and id = :id::uuid and tenant <> '' order by tenant, id, job limit 20) as w
left join "holdfast".jobs j on j.tenant = w.tenant and j.id = w.job
left join "holdfast".batches b on b.tenant = w.tenant and b.id = w.job
