-- After a repeated enqueue, in the same transaction: a job that had already run and moved to history is not run again.
--: rows tenant, id
delete from holdfast_jobs
where tenant = :tenant and id = :id and attempt = 0 and version = 1
    and exists (select 1 from holdfast_history h where h.tenant = :tenant and h.id = :id)
