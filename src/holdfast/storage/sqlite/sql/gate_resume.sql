-- Opens a gate again that a failure has shut. The place of a job that was retried meanwhile stays its own.
--: one tenant, gate
delete from holdfast_gate_jobs indexed by holdfast_gate_jobs_stop
where tenant = :tenant and gate = :gate and stop
    and not exists (select 1 from holdfast_jobs j where j.tenant = :tenant and j.id = holdfast_gate_jobs.id)
returning 1;
update holdfast_gate_jobs indexed by holdfast_gate_jobs_stop set stop = 0
where tenant = :tenant and gate = :gate and stop
returning 1
