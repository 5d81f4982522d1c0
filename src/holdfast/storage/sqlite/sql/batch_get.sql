-- Batches with their counts, what notes say of them included.
--: read rows tenant, id
select b.tenant, b.id, b.name, b.state, b.open, b.stopped, b.total + n.total, b.succeeded + n.succeeded,
    b.failed + n.failed, b.cancelled + n.cancelled, b.stalled + n.stalled, b.created_at, b.finished_at
from holdfast_batches b cross join (
    select coalesce(sum(count * (state = 'added')), 0) as total,
        coalesce(sum(count * (state = 'succeeded')), 0) as succeeded,
        coalesce(sum(count * (state = 'failed')), 0) as failed,
        coalesce(sum(count * (state = 'cancelled')), 0) as cancelled,
        coalesce(sum(count * (state = 'stalled')), 0) as stalled
    from holdfast_wait_notes where tenant = :tenant and id = :id and what = 'batch'
) n
where b.tenant = :tenant and b.id = :id
