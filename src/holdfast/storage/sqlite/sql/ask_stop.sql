-- Asks running jobs to stop: their workers look for it once a second.
--: rows tenant, id, token, reason
update holdfast_jobs
set stop_reason = :reason, updated_at = :now
where tenant = :tenant and id = :id and token = :token
