-- A page of gates that a failure keeps shut, by name.
--: read one tenant, after, batch
select distinct gate from holdfast_gate_jobs indexed by holdfast_gate_jobs_stop
where tenant = :tenant and gate > :after and stop
order by tenant, gate limit :batch
