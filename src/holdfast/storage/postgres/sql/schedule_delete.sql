-- Removes schedules. Their runs stay: no instant fires again because a schedule was there before.
--: rows tenant, name
delete from "holdfast".schedules s
using unnest(:tenant::text[], :name::text[]) with ordinality as n (tenant, name, ord)
where s.tenant = n.tenant and s.name = n.name
returning n.ord
