-- What jobs and batches that somebody is to wait for are, and how they ended; a null state: they live.
--: read rows tenant, id
select a.ord, f.kind, f.state
from unnest(:tenant::text[], :id::uuid[]) with ordinality as a (tenant, id, ord)
cross join lateral (
    (select 'job' as kind, null as state from "holdfast".jobs where tenant = a.tenant and id = a.id limit 1)
    union all
    (select 'job', state from "holdfast".history
    where tenant = a.tenant and id = a.id and keep_until > coalesce(:now::timestamptz, statement_timestamp())
    order by tenant desc, id desc, version desc
    limit 1)
    union all
    (select 'batch', state from "holdfast".batches where tenant = a.tenant and id = a.id limit 1)
    limit 1
) as f
