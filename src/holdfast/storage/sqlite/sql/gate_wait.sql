-- Puts blocked jobs at their place in a gate's line, but for those that stand in one already.
--: silent rows tenant, id, gate, weight, odd
insert into holdfast_gate_jobs (tenant, id, gate, rank, due, seq, weight, odd)
select tenant, id, :gate, -priority, due, seq, :weight, :odd
from holdfast_jobs where tenant = :tenant and id = :id and state = 'blocked' and reason = 'gate'
    and not exists (select 1 from holdfast_gate_jobs where tenant = :tenant and id = :id and not held)
on conflict (tenant, id, gate) do nothing
