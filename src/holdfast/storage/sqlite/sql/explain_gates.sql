-- The gates in whose lines a job stands, or in which it has a place, and how they stand. Times are seconds from now.
--: read one tenant, id
select m.gate, m.held, g.size, g.spacing, (g.next_at - :now) / 1000000.0, m.weight,
    (select coalesce(sum(weight), 0) from holdfast_gate_jobs where tenant = m.tenant and gate = m.gate and held),
    (select count(*) from (
        select 1 from holdfast_gate_jobs b
        where b.tenant = m.tenant and b.gate = m.gate and not b.held and (b.rank, b.due, b.seq) < (m.rank, m.due, m.seq)
        order by b.tenant, b.gate, b.rank, b.due, b.seq limit 1001) as before)
from holdfast_gate_jobs m join holdfast_gates g on g.tenant = m.tenant and g.name = m.gate
where m.tenant = :tenant and m.id = :id
