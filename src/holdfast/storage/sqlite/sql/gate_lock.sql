-- Locks gates. One that another transaction has locked does not come back: nobody waits for a gate.
-- What is in it is asked by the next statement, for this one's view of it is from before the lock.
--: rows tenant, gate
select size, spacing, edited, next_at is not null, updated_at < :now - 3600000000
from holdfast_gates
where tenant = :tenant and name = :gate
