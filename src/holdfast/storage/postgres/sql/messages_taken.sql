-- Notes to how many tasks messages were given.
--: silent rows tenant, id, count
update "holdfast".messages m set taken = g.count
from unnest(:tenant::text[], :id::uuid[], :count::int4[]) as g (tenant, id, count)
where m.tenant = g.tenant and m.id = g.id
