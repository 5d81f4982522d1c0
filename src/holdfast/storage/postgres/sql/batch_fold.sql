-- Adds to the counts of batches; those that somebody has locked are left alone.
--: rows tenant, id, total, succeeded, failed, cancelled, stalled
with held as materialized (
    select b.place, a.*
    from unnest(:tenant::text[], :id::uuid[], :total::int4[], :succeeded::int4[], :failed::int4[], :cancelled::int4[],
            :stalled::int4[])
        with ordinality as a (tenant, id, total, succeeded, failed, cancelled, stalled, ord)
    cross join lateral (
        select ctid as place from "holdfast".batches where tenant = a.tenant and id = a.id
        limit 1
        for update skip locked
    ) as b
)
update "holdfast".batches b
set total = b.total + h.total, succeeded = b.succeeded + h.succeeded, failed = b.failed + h.failed,
    cancelled = b.cancelled + h.cancelled, stalled = b.stalled + h.stalled
from held h
where b.ctid = h.place
returning h.ord, b.state, b.open, b.stopped, b.total, b.succeeded, b.failed, b.cancelled, b.stalled
