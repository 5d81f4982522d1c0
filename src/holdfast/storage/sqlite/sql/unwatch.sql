-- Jobs that others wait for are about to end: without the mark finish.sql takes them.
--: rows tenant, id, token
update holdfast_jobs set watched = null
where tenant = :tenant and id = :id and token = :token and pending is null and watched
