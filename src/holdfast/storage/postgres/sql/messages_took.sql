-- The jobs that took these messages.
--: read rows tenant, message_id
select a.ord, k.id, k.version
from unnest(:tenant::text[], :message_id::uuid[]) with ordinality as a (tenant, message, ord)
cross join lateral (
    select id::text, version from "holdfast".asks
    where tenant = a.tenant and message = a.message and message is not null offset 0
) as k
