-- Gates by name, and what is in them: how many places are taken, how many jobs wait, as far as so many of them show, and
-- the job whose failure keeps it shut.
--: read rows tenant, gate, most
select g.base, g.size, g.spacing, g.edited,
    coalesce((select sum(weight) from holdfast_gate_jobs indexed by holdfast_gate_jobs_held
        where tenant = :tenant and gate = :gate and held), 0),
    (select count(*) from (select 1 from holdfast_gate_jobs indexed by holdfast_gate_jobs_line
        where tenant = :tenant and gate = :gate and not held limit :most)),
    (select id from holdfast_gate_jobs indexed by holdfast_gate_jobs_stop
        where tenant = :tenant and gate = :gate and stop order by id limit 1)
from holdfast_gates g where g.tenant = :tenant and g.name = :gate
