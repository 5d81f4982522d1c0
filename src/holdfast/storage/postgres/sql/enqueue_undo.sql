-- After a repeated enqueue, in the same transaction: a job that had already run and moved to history is not run again.
--: rows tenant, id
with undone as materialized (
    select j.place, a.ord
    from unnest(:tenant::text[], :id::uuid[]) with ordinality as a (tenant, id, ord)
    cross join lateral (
        select ctid as place, attempt, version from "holdfast".jobs where tenant = a.tenant and id = a.id limit 1
    ) as j
    cross join lateral (
        select from "holdfast".history where tenant = a.tenant and id = a.id limit 1
    ) as h
    where j.attempt = 0 and j.version = 1
)
delete from "holdfast".jobs j
using undone u
where j.ctid = u.place
returning u.ord
