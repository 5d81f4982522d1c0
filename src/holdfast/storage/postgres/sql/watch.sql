-- Marks live jobs as waited for, and keeps them from ending until this transaction has. One that does not come back has
-- ended, or is locked by somebody just now.
--: rows tenant, id
with held as materialized (
    select j.place, j.watched, a.ord
    from unnest(:tenant::text[], :id::uuid[]) with ordinality as a (tenant, id, ord)
    cross join lateral (
        select ctid as place, watched from "holdfast".jobs where tenant = a.tenant and id = a.id
        limit 1
        for update skip locked
    ) as j
), marked as (
    update "holdfast".jobs j set watched = true from held h where j.ctid = h.place and h.watched is null
)
select ord from held
