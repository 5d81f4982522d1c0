-- Forgets a tenant's value of a key.
--: rows tenant, key
delete from "holdfast".metadata m
using unnest(:tenant::text[], :key::text[]) with ordinality as k (tenant, key, ord)
where m.tenant = k.tenant and m.key = k.key
returning k.ord
