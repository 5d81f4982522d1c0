-- Locks gates. One that another transaction has locked does not come back: nobody waits for a gate.
-- What is in it is asked by the next statement, for this one's view of it is from before the lock.
--: rows tenant, gate
with given as (:rows tenant, gate, ord, now)
select a.ord, g.size, g.spacing, g.edited, g.next_at is not null, g.updated_at < a.now - 3600000000,
    exists (select 1 from holdfast_gate_jobs o indexed by holdfast_gate_jobs_odd
        where o.tenant = a.tenant and o.gate = a.gate and o.odd)
from given a cross join holdfast_gates g on g.tenant = a.tenant and g.name = a.gate
