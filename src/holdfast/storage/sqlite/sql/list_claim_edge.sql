-- Where a window of ready jobs in the order of claims ends: so many on from a cursor; nothing where it has no more.
--: read one tenant, back, after_rank, after_due, after_seq, queue, window
select * from (
    select * from (
        select -priority as rank, due, seq from holdfast_jobs
        where not :back and :queue is null and state = 'ready' and +tenant = :tenant
            and (-priority, tenant, due, seq) > (:after_rank, :tenant, :after_due, :after_seq)
        order by -priority, tenant, due, seq
        limit 1 offset :window)
    union all
    select * from (
        select -priority as rank, due, seq from holdfast_jobs
        where not :back and :queue is not null and queue = :queue and state = 'ready' and +tenant = :tenant
            and (-priority, tenant, due, seq) > (:after_rank, :tenant, :after_due, :after_seq)
        order by -priority, tenant, due, seq
        limit 1 offset :window)
    union all
    select * from (
        select -priority as rank, due, seq from holdfast_jobs
        where :back and :queue is null and state = 'ready' and +tenant = :tenant
            and (-priority, tenant, due, seq) < (:after_rank, :tenant, :after_due, :after_seq)
        order by -priority desc, tenant desc, due desc, seq desc
        limit 1 offset :window)
    union all
    select * from (
        select -priority as rank, due, seq from holdfast_jobs
        where :back and :queue is not null and queue = :queue and state = 'ready' and +tenant = :tenant
            and (-priority, tenant, due, seq) < (:after_rank, :tenant, :after_due, :after_seq)
        order by -priority desc, tenant desc, due desc, seq desc
        limit 1 offset :window)
)
