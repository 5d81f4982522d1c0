-- Who waits for messages of these pipes, a page of each.
--: read rows tenant, pipe, batch
select a.ord, k.*
from unnest(:tenant::text[], :pipe::text[], :batch::int4[]) with ordinality as a (tenant, pipe, batch, ord)
cross join lateral (
    select tenant, id::text, version, branch, name, nth, pipe, filter, since from "holdfast".asks
    where tenant = a.tenant and pipe = a.pipe and taken_at is null
    limit a.batch
) as k
