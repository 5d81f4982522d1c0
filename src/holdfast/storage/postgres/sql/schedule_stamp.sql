-- Says of jobs that were just enqueued which schedule they are of.
--: rows tenant, id, name
update "holdfast".jobs j
set schedule_id = n.name
from unnest(:tenant::text[], :id::uuid[], :name::text[]) with ordinality as n (tenant, id, name, ord)
where j.tenant = n.tenant and j.id = n.id
returning n.ord
