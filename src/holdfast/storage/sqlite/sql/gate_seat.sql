-- Gives jobs a place in one more gate.
--: silent rows tenant, id, gate, weight
insert into holdfast_gate_jobs (tenant, id, gate, rank, due, seq, weight, held, odd)
select tenant, id, :gate, -priority, due, seq, :weight, 1, 1
from holdfast_jobs where tenant = :tenant and id = :id
on conflict (tenant, id, gate) do update set held = 1, passed_at = null
