-- Gates by name, and what is in them: how many places are taken, and whether a failure keeps it shut.
--: read rows tenant, gate
select g.size, g.spacing, g.edited,
    coalesce((select sum(weight) from holdfast_gate_jobs indexed by holdfast_gate_jobs_held
        where tenant = :tenant and gate = :gate and held), 0),
    exists (select 1 from holdfast_gate_jobs indexed by holdfast_gate_jobs_held where tenant = :tenant and gate = :gate and held and stop)
from holdfast_gates g where g.tenant = :tenant and g.name = :gate
