-- After a repeated enqueue, in the same transaction: a job that had already run and moved to history is not run again.
--: rows tenant, id
with asked as (
    select * from unnest(:tenant::text[], :id::uuid[]) with ordinality as a (tenant, id, ord)
)
delete from "holdfast".jobs j
using asked a
where j.tenant = a.tenant and j.id = a.id and j.attempt = 0 and j.version = 1
    and exists (select from "holdfast".history h where h.tenant = a.tenant and h.id = a.id)
returning a.ord
