-- The messages that have these ids, or else these keys.
--: read rows tenant, id, pipe, key
select a.ord, m.id::text
from unnest(:tenant::text[], :id::uuid[], :pipe::text[], :key::text[]) with ordinality as a (tenant, id, pipe, key, ord)
cross join lateral (
    (select id from "holdfast".messages where tenant = a.tenant and id = a.id limit 1)
    union all
    (select id from "holdfast".messages where tenant = a.tenant and pipe = a.pipe and key = a.key limit 1)
    limit 1
) as m
