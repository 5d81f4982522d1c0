-- Gives up what jobs have in gates, but for their place in `kept`; `stop` marks it, and that gate stays shut.
--: silent rows tenant, id, kept, stop
delete from holdfast_gate_jobs where (tenant, id, gate) in (
    with given as (:rows tenant, id, kept)
    select s.tenant, s.id, s.gate
    from given g cross join holdfast_gate_jobs s on s.tenant = g.tenant and s.id = g.id
    where s.gate is not g.kept);
update holdfast_gate_jobs set stop = 1, odd = 1 where (tenant, id, gate) in (
    with given as (:rows tenant, id, kept, stop)
    select s.tenant, s.id, s.gate
    from given g cross join holdfast_gate_jobs s on s.tenant = g.tenant and s.id = g.id and s.gate = g.kept
    where g.stop > 0 and s.held)
