-- Pieces that wait for these topics: a page of each.
--: read rows tenant, topic, batch
select a.ord, s.*
from unnest(:tenant::text[], :topic::text[], :batch::int4[]) with ordinality as a (tenant, topic, batch, ord)
cross join lateral (
    select id::text, version, branch, name, nth, mark from "holdfast".steps
    where tenant = a.tenant and topic = a.topic and state = 'waiting' and topic is not null
    limit a.batch
) as s
