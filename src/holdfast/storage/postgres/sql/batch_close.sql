-- No more is added to batches but by their own jobs; `stop`: nor by these. One that does not come back has ended, or is
-- locked by somebody who adds to it.
--: rows tenant, id, stop
with held as materialized (
    select b.place, a.stop, a.ord
    from unnest(:tenant::text[], :id::uuid[], :stop::int4[]) with ordinality as a (tenant, id, stop, ord)
    cross join lateral (
        select ctid as place, state from "holdfast".batches where tenant = a.tenant and id = a.id
        limit 1
        for update skip locked
    ) as b
    where b.state is null
)
update "holdfast".batches b
set open = false, stopped = b.stopped or h.stop > 0
from held h
where b.ctid = h.place
returning h.ord
