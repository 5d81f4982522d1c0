-- Batches that still take jobs; none of them ends before this transaction does.
--: rows tenant, id
select a.ord
from unnest(:tenant::text[], :id::uuid[]) with ordinality as a (tenant, id, ord)
cross join lateral (
    select 1 from "holdfast".batches
    where tenant = a.tenant and id = a.id and state is null and not stopped
    limit 1
    for share
) as b
