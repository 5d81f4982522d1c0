-- Which of these running jobs are asked to stop, and which are no longer under their token (reason: null, lost: true).
--: read rows tenant, id, token
select a.ord, j.stop_reason, j.id is null
from unnest(:tenant::text[], :id::uuid[], :token::int8[]) with ordinality as a (tenant, id, token, ord)
left join lateral (
    select id, stop_reason from "holdfast".jobs
    where tenant = a.tenant and id = a.id and token = a.token
    limit 1
) as j on true
where j.id is null or j.stop_reason is not null
