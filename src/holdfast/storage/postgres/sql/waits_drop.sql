-- Forgets what jobs waited for.
--: silent rows tenant, id
with found as materialized (
    select w.place from unnest(:tenant::text[], :id::uuid[]) as a (tenant, id)
    cross join lateral (
        select ctid as place from "holdfast".waits where tenant = a.tenant and id = a.id and tenant <> ''
        order by tenant, id, job
        for update
    ) as w
)
delete from "holdfast".waits w using found f where w.ctid = f.place
