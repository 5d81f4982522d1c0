-- Gates that are not there although jobs stand in their line (they were pruned in the very moment): what the first of
-- these jobs must pass.
--: read rows tenant, gate
select j.gates
from (
    select tenant, id from holdfast_gate_jobs indexed by holdfast_gate_jobs_line
    where tenant = :tenant and gate = :gate and not held order by rank, due, seq limit 1
) as w
join holdfast_jobs j on j.tenant = w.tenant and j.id = w.id
where not exists (select 1 from holdfast_gates where tenant = :tenant and name = :gate)
