-- Renews leases. A row that does not come back is not ours any more.
--: rows tenant, id, token, lease, elapsed
update holdfast_jobs
set lease_until = cast(:now + :lease * 1000000 as integer), updated_at = :now,
    started_at = coalesce(cast(:now - :elapsed * 1000000 as integer), started_at)
where tenant = :tenant and id = :id and token = :token and state = 'running'
