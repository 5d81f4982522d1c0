-- Gives up what jobs have in gates, but for their place in `kept`; `stop` marks it, and that gate stays shut.
--: rows tenant, id, kept, stop
delete from holdfast_gate_jobs where tenant = :tenant and id = :id and gate is not :kept;
update holdfast_gate_jobs set stop = 1 where tenant = :tenant and id = :id and gate = :kept and :stop > 0 and held
