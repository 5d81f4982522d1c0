-- Jobs that others wait for are about to end: without the mark finish.sql takes them.
--: rows tenant, id, token
with held as materialized (
    select j.place, a.ord
    from unnest(:tenant::text[], :id::uuid[], :token::int8[]) with ordinality as a (tenant, id, token, ord)
    cross join lateral (
        select ctid as place from "holdfast".jobs
        where tenant = a.tenant and id = a.id and token = a.token and pending is null and watched
        limit 1
        for update skip locked
    ) as j
)
update "holdfast".jobs j set watched = null from held h where j.ctid = h.place
returning h.ord
