-- Jobs that were stored in this transaction do not start before others have ended.
--: rows tenant, id
with held as materialized (
    select j.place, a.ord
    from unnest(:tenant::text[], :id::uuid[]) with ordinality as a (tenant, id, ord)
    cross join lateral (
        select ctid as place, state, attempt from "holdfast".jobs where tenant = a.tenant and id = a.id
        limit 1
        for update
    ) as j
    where j.state <> 'running' and j.attempt = 0
)
update "holdfast".jobs j
set state = 'blocked', reason = 'dependency'
from held h
where j.ctid = h.place
returning h.ord
