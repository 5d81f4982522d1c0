-- Removes a live job without a trace in history; whoever runs it is fenced. Each row is looked up by itself; see
-- finish.sql.
--: rows tenant, id, token
with held as materialized (
    select j.place, a.ord
    from unnest(:tenant::text[], :id::uuid[], :token::int8[]) with ordinality as a (tenant, id, token, ord)
    cross join lateral (
        select ctid as place from "holdfast".jobs
        where tenant = a.tenant and id = a.id and token = a.token
        limit 1
        for update skip locked
    ) as j
)
delete from "holdfast".jobs j
using held h
where j.ctid = h.place
returning h.ord
