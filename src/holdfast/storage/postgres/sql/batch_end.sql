-- Closed batches end, once, where every job of theirs has ended and is counted. A statement of its own after the one that
-- locked them, for what that waited for must be seen.
--: rows tenant, id, state
with held as materialized (
    select b.place, a.state, a.ord, coalesce(:now::timestamptz, statement_timestamp()) as moment
    from unnest(:tenant::text[], :id::uuid[], :state::text[]) with ordinality as a (tenant, id, state, ord)
    cross join lateral (
        select ctid as place, state, open from "holdfast".batches where tenant = a.tenant and id = a.id
        limit 1
        for update
    ) as b
    where b.state is null and not b.open
        and not exists (select from "holdfast".waits where tenant = a.tenant and id = a.id and tenant <> '' offset 0)
        and not exists (
            select from "holdfast".wait_notes where tenant = a.tenant and id = a.id and what = 'batch' offset 0)
)
update "holdfast".batches b
set state = h.state, finished_at = h.moment, keep_until = h.moment + b.keep * interval '1 second'
from held h
where b.ctid = h.place
returning h.ord
