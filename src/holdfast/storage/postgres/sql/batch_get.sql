-- Batches with their counts, what notes say of them included.
--: read rows tenant, id
select a.ord, b.tenant, b.id::text, b.name, b.state, b.open, b.stopped, b.total + n.total, b.succeeded + n.succeeded,
    b.failed + n.failed, b.cancelled + n.cancelled, b.stalled + n.stalled, b.created_at, b.finished_at
from unnest(:tenant::text[], :id::uuid[]) with ordinality as a (tenant, id, ord)
cross join lateral (select * from "holdfast".batches where tenant = a.tenant and id = a.id limit 1) as b
cross join lateral (
    select coalesce(sum(count) filter (where state = 'added'), 0)::int4 as total,
        coalesce(sum(count) filter (where state = 'succeeded'), 0)::int4 as succeeded,
        coalesce(sum(count) filter (where state = 'failed'), 0)::int4 as failed,
        coalesce(sum(count) filter (where state = 'cancelled'), 0)::int4 as cancelled,
        coalesce(sum(count) filter (where state = 'stalled'), 0)::int4 as stalled
    from "holdfast".wait_notes where tenant = a.tenant and id = a.id and what = 'batch'
) as n
