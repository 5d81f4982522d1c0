-- Which of these jobs a request has changed.
--: read rows tenant, id, request
select a.ord
from unnest(:tenant::text[], :id::uuid[], :request::text[]) with ordinality as a (tenant, id, request, ord)
cross join lateral (
    select from "holdfast".audit n
    where n.tenant = a.tenant and n.id = a.id and n.request = a.request
    limit 1
) as found
