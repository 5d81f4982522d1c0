-- Jobs that wait, and that nobody claimed yet, become due later.
--: rows tenant, id, delay
update holdfast_jobs
set due = cast(:now + :delay * 1000000 as integer), updated_at = :now
where tenant = :tenant and id = :id and state = 'scheduled'
