-- Offers jobs: from the line they stand in they take its place and become ready. A job that somebody has locked is
-- left in line.
--: rows tenant, id
update holdfast_jobs set state = 'ready', reason = null, updated_at = :now
where tenant = :tenant and id = :id and state = 'blocked';
update holdfast_gate_jobs set held = 1, passed_at = null
where tenant = :tenant and id = :id and not held
    and exists (select 1 from holdfast_jobs where tenant = :tenant and id = :id and state = 'ready')
