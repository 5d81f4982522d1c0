-- Jobs that were stored in this transaction do not start before others have ended.
--: rows tenant, id
update holdfast_jobs set state = 'blocked', reason = 'dependency'
where tenant = :tenant and id = :id and state <> 'running' and attempt = 0
