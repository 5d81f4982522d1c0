-- Says of jobs that were just enqueued which schedule they are of.
--: rows tenant, id, name
update holdfast_jobs set schedule_id = :name where tenant = :tenant and id = :id
