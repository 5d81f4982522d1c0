-- Forgets journals with all their pieces.
--: silent rows tenant, id, version
with gone as (
    delete from "holdfast".journals j
    using unnest(:tenant::text[], :id::uuid[], :version::int4[]) as g (tenant, id, version)
    where j.tenant = g.tenant and j.id = g.id and j.version = g.version
    returning j.tenant, j.id, j.version
)
delete from "holdfast".steps s using gone g where s.tenant = g.tenant and s.id = g.id and s.version = g.version
