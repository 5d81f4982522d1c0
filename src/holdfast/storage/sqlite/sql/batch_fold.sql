-- Adds to the counts of batches; those that somebody has locked are left alone.
--: rows tenant, id, total, succeeded, failed, cancelled, stalled
update holdfast_batches
set total = total + :total, succeeded = succeeded + :succeeded, failed = failed + :failed,
    cancelled = cancelled + :cancelled, stalled = stalled + :stalled
where tenant = :tenant and id = :id
returning state, open, stopped, total, succeeded, failed, cancelled, stalled
