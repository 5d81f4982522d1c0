-- Gives jobs a place in one more gate.
--: silent rows tenant, id, gate, weight
insert into "holdfast".gate_jobs (tenant, id, gate, rank, due, seq, weight, held, odd)
select a.tenant, a.id, a.gate, (-j.priority::int8), j.due, j.seq, a.weight, true, true
from unnest(:tenant::text[], :id::uuid[], :gate::text[], :weight::int4[]) as a (tenant, id, gate, weight)
cross join lateral (
    select priority, due, seq from "holdfast".jobs where tenant = a.tenant and id = a.id limit 1) as j
on conflict (tenant, id, gate) do update set held = true, passed_at = null
