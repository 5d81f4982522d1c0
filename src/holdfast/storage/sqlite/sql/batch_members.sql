-- A page of the jobs that a batch still waits for.
--: read one tenant, id, after, batch
select job from holdfast_waits
where tenant = :tenant and id = :id and job > coalesce(:after, '')
order by job
limit :batch
