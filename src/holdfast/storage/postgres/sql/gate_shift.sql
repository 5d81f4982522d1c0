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
)
update "holdfast".gate_jobs g set gate = f.other, weight = f.weight
from found f
where g.tenant = f.tenant and g.id = f.id and g.gate = f.gate and not g.held
