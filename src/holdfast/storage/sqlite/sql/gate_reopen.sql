-- Takes away what keeps gates shut after jobs have failed, and answers these gates.
--: rows tenant, id
delete from holdfast_gate_jobs where tenant = :tenant and id = :id and stop
returning gate
