-- Schedules of tasks that are called otherwise by now go on under the new name.
--: rows tenant, name, former
update "holdfast".schedules s
set name = n.name
from unnest(:tenant::text[], :name::text[], :former::text[]) with ordinality as n (tenant, name, former, ord)
where s.tenant = n.tenant and s.name = n.former
returning n.ord
