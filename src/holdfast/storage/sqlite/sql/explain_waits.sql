-- What a job waits for that has not ended as it needs: jobs and batches, and how they stand.
--: read one tenant, id
select w.job, w.need, j.state, j.task, b.name
from (
    select tenant, job, need from holdfast_waits
    where tenant = :tenant and id = :id and tenant <> '' order by tenant, id, job limit 20) as w
left join holdfast_jobs j on j.tenant = w.tenant and j.id = w.job
left join holdfast_batches b on b.tenant = w.tenant and b.id = w.job
