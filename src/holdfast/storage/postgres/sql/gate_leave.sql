-- Gives up what jobs have in gates, but for their place in `kept`; `stop` marks it, and that gate stays shut.
--: silent rows tenant, id, kept, stop
with seats as materialized (
    select s.place, s.gate, a.kept, a.stop
    from unnest(:tenant::text[], :id::uuid[], :kept::text[], :stop::int4[]) as a (tenant, id, kept, stop)
    cross join lateral (
        select ctid as place, gate from "holdfast".gate_jobs where tenant = a.tenant and id = a.id
        order by tenant, id, gate) as s
), stopped as (
    update "holdfast".gate_jobs g set stop = true, odd = true
    from seats s where g.ctid = s.place and s.gate = s.kept and s.stop > 0 and g.held
)
delete from "holdfast".gate_jobs g using seats s where g.ctid = s.place and s.gate is distinct from s.kept
