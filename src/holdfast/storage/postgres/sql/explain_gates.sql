-- The gates in whose lines a job stands, or in which it has a place, and how they stand. Times are seconds from now.
--: read one tenant, id
select m.gate, m.held, g.size, g.spacing, extract(epoch from g.next_at - coalesce(:now::timestamptz, statement_timestamp()))::float8, m.weight,
    (select coalesce(sum(weight), 0) from "holdfast".gate_jobs where tenant = m.tenant and gate = m.gate and held),
    (select count(*) from (
        select 1 from "holdfast".gate_jobs b
        where b.tenant = m.tenant and b.gate = m.gate and not b.held and (b.rank, b.due, b.seq) < (m.rank, m.due, m.seq)
        order by b.tenant, b.gate, b.rank, b.due, b.seq limit 1001) as before)
from "holdfast".gate_jobs m
cross join lateral (
    select size, spacing, next_at from "holdfast".gates where tenant = m.tenant and name = m.gate limit 1) as g
where m.tenant = :tenant::text and m.id = :id::uuid
