-- Sends waiting jobs from one line to another: of the gate that holds them up.
--: silent rows tenant, id, gate, other, weight
with found as materialized (
    select a.* from unnest(:tenant::text[], :id::uuid[], :gate::text[], :other::text[], :weight::int4[])
        as a (tenant, id, gate, other, weight)
    cross join lateral (
        select 1 as one from "holdfast".jobs where tenant = a.tenant and id = a.id
        limit 1
        for update skip locked
    ) as j
), seats as materialized (
    select s.place, f.other, f.weight from found f
    cross join lateral (
        select ctid as place, gate, held from "holdfast".gate_jobs where tenant = f.tenant and id = f.id
        order by tenant, id, gate offset 0) as s
    where s.gate = f.gate and not s.held
)
update "holdfast".gate_jobs g set gate = s.other, weight = s.weight from seats s where g.ctid = s.place
