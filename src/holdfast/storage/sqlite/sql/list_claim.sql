-- Ready jobs in the order in which they would start, or back from its end: a page from a cursor to where its window ends.
--: read one tenant, back, after_rank, after_due, after_seq, until_rank, until_due, until_seq, batch, states, queue, task, tag, key, group_key, lowest, highest, created_from, created_to, due_from, due_to, finished_from, finished_to, error
select * from (
    select * from (
        --> columns_live
        where not :back and :queue is null and state = 'ready' and +tenant = :tenant
            and (-priority, tenant, due, seq) > (:after_rank, :tenant, :after_due, :after_seq)
            and (:until_rank is null or (-priority, tenant, due, seq) <= (:until_rank, :tenant, :until_due, :until_seq))
            --> wanted_live
        order by -priority, tenant, due, seq limit :batch)
    union all
    select * from (
        --> columns_live
        where not :back and :queue is not null and queue = :queue and state = 'ready' and +tenant = :tenant
            and (-priority, tenant, due, seq) > (:after_rank, :tenant, :after_due, :after_seq)
            and (:until_rank is null or (-priority, tenant, due, seq) <= (:until_rank, :tenant, :until_due, :until_seq))
            --> wanted_live
        order by -priority, tenant, due, seq limit :batch)
    union all
    select * from (
        --> columns_live
        where :back and :queue is null and state = 'ready' and +tenant = :tenant
            and (-priority, tenant, due, seq) < (:after_rank, :tenant, :after_due, :after_seq)
            and (:until_rank is null or (-priority, tenant, due, seq) >= (:until_rank, :tenant, :until_due, :until_seq))
            --> wanted_live
        order by -priority desc, tenant desc, due desc, seq desc limit :batch)
    union all
    select * from (
        --> columns_live
        where :back and :queue is not null and queue = :queue and state = 'ready' and +tenant = :tenant
            and (-priority, tenant, due, seq) < (:after_rank, :tenant, :after_due, :after_seq)
            and (:until_rank is null or (-priority, tenant, due, seq) >= (:until_rank, :tenant, :until_due, :until_seq))
            --> wanted_live
        order by -priority desc, tenant desc, due desc, seq desc limit :batch)
)
