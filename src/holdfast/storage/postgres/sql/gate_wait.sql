-- Puts blocked jobs at their place in a gate's line, but for those that stand in one already.
--: silent rows tenant, id, gate, weight, odd
insert into "holdfast".gate_jobs (tenant, id, gate, rank, due, seq, weight, odd)
select a.tenant, a.id, a.gate, (-j.priority::int8), j.due, j.seq, a.weight, a.odd
from unnest(:tenant::text[], :id::uuid[], :gate::text[], :weight::int4[], :odd::bool[])
    as a (tenant, id, gate, weight, odd)
cross join lateral (
    select priority, due, seq, state, reason from "holdfast".jobs where tenant = a.tenant and id = a.id limit 1) as j
where j.state = 'blocked' and j.reason = 'gate' and not exists (
    select from (
        select held from "holdfast".gate_jobs where tenant = a.tenant and id = a.id
        order by tenant, id, gate offset 0) as w
    where not w.held)
on conflict (tenant, id, gate) do nothing
