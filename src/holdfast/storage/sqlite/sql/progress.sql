-- What bodies say of their progress, under their token.
--: rows tenant, id, token, progress
update holdfast_jobs
set progress = :progress, updated_at = :now
where tenant = :tenant and id = :id and token = :token and state = 'running'
