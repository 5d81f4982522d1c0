-- The live jobs of schedules.
--: rows tenant, name
select n.ord, j.id::text
from unnest(:tenant::text[], :name::text[]) with ordinality as n (tenant, name, ord)
cross join lateral (
    select id from "holdfast".jobs where tenant = n.tenant and schedule_id = n.name and schedule_id is not null offset 0
) as j
