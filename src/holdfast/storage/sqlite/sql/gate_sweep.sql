-- A page of all gates, in order: of each whether anybody waits there. For the slow look at everything, which finds what
-- was changed by hand.
--: read one tenant, gate, batch
select g.tenant, g.name, exists (
        select 1 from holdfast_gate_jobs w indexed by holdfast_gate_jobs_line
            where w.tenant = g.tenant and w.gate = g.name and not w.held)
from holdfast_gates g
where (g.tenant, g.name) > (:tenant, :gate)
order by g.tenant, g.name
limit :batch
