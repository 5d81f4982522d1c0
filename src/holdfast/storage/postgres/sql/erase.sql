-- Removes every version of jobs from history.
--: rows tenant, id
delete from "holdfast".history h
using unnest(:tenant::text[], :id::uuid[]) with ordinality as a (tenant, id, ord)
where h.tenant = a.tenant and h.id = a.id
returning a.ord
