-- Which of these jobs live.
--: read rows tenant, id
select a.ord
from unnest(:tenant::text[], :id::uuid[]) with ordinality as a (tenant, id, ord)
cross join lateral (select 1 from "holdfast".jobs where tenant = a.tenant and id = a.id limit 1) as j
