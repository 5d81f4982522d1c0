-- Jobs wait for something that cannot come: a ring of jobs that wait for each other.
--: rows tenant, id
with found as materialized (
    select w.place, a.ord from unnest(:tenant::text[], :id::uuid[]) with ordinality as a (tenant, id, ord)
    cross join lateral (
        select ctid as place from "holdfast".waits where tenant = a.tenant and id = a.id and tenant <> '' and not batch
        order by tenant, id, job
        for update
    ) as w
)
update "holdfast".waits w set failed = true from found f where w.ctid = f.place
returning f.ord
