-- Takes away what keeps gates shut after jobs have failed, and answers these gates.
--: rows tenant, id
with seats as materialized (
    select s.place, s.gate, a.ord
    from unnest(:tenant::text[], :id::uuid[]) with ordinality as a (tenant, id, ord)
    cross join lateral (
        select ctid as place, gate, stop from "holdfast".gate_jobs where tenant = a.tenant and id = a.id
        order by tenant, id, gate offset 0) as s
    where s.stop
)
delete from "holdfast".gate_jobs g using seats s where g.ctid = s.place
returning s.ord, s.gate
