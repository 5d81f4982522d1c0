-- Forgets journals.
--: silent rows tenant, id, version
delete from "holdfast".journals s
using unnest(:tenant::text[], :id::uuid[], :version::int4[]) as g (tenant, id, version)
where s.tenant = g.tenant and s.id = g.id and s.version = g.version
