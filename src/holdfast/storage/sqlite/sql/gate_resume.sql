-- Opens a gate again that a failure has shut.
--: one tenant, gate
delete from holdfast_gate_jobs indexed by holdfast_gate_jobs_held
where tenant = :tenant and gate = :gate and held and stop
returning 1
