-- Live jobs of a schedule that has another name by now: its overlap rule goes by them.
--: rows tenant, name, former
update "holdfast".jobs j
set schedule_id = n.name
from unnest(:tenant::text[], :name::text[], :former::text[]) with ordinality as n (tenant, name, former, ord)
where j.tenant = n.tenant and j.schedule_id = n.former and j.schedule_id is not null
returning n.ord
