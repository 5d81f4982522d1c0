-- Which places jobs have.
--: read rows tenant, id
select gate from holdfast_gate_jobs where tenant = :tenant and id = :id and held
