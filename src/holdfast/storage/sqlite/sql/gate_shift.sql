-- Sends waiting jobs from one line to another: of the gate that holds them up.
--: silent rows tenant, id, gate, other, weight
update holdfast_gate_jobs set gate = :other, weight = :weight
where tenant = :tenant and id = :id and gate = :gate and not held
