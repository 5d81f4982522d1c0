-- The job of a key: the live one, else the one that ended last.
--: read rows tenant, queue, key
select a.ord, f.id::text
from unnest(:tenant::text[], :queue::text[], :key::text[]) with ordinality as a (tenant, queue, key, ord)
cross join lateral (
    (select id from "holdfast".jobs where tenant = a.tenant and queue = a.queue and key = a.key limit 1)
    union all
    (select id from "holdfast".history
    where tenant = a.tenant and queue = a.queue and key = a.key
        and keep_until > coalesce(:now::timestamptz, statement_timestamp()) and not stub
    order by finished_at desc, version desc
    limit 1)
    limit 1
) as f
