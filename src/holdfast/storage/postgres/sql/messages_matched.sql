-- It was looked who waits for these messages.
--: silent rows tenant, id
update "holdfast".messages m set fresh = false
from unnest(:tenant::text[], :id::uuid[]) as g (tenant, id)
where m.tenant = g.tenant and m.id = g.id
