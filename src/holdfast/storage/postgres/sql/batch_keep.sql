-- Batches that have not ended, and do not before this transaction does. One that does not come back has ended, or is
-- locked by somebody just now.
--: rows tenant, id
select a.ord
from unnest(:tenant::text[], :id::uuid[]) with ordinality as a (tenant, id, ord)
cross join lateral (
    select 1 from "holdfast".batches where tenant = a.tenant and id = a.id and state is null
    limit 1
    for share skip locked
) as b
