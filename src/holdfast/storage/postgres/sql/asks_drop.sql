-- Forgets what jobs waited for whose journals are forgotten.
--: silent rows tenant, id, version
delete from "holdfast".asks k
using unnest(:tenant::text[], :id::uuid[], :version::int4[]) as a (tenant, id, version)
where k.tenant = a.tenant and k.id = a.id and k.version = a.version
