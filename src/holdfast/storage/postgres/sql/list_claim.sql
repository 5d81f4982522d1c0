-- Ready jobs in the order in which they would start, or back from its end: a page from a cursor to where its window ends.
--: read one tenant, back, after_rank, after_due, after_seq, until_rank, until_due, until_seq, batch, states, queue, task, tag, key, group_key, lowest, highest, created_from, created_to, due_from, due_to, finished_from, finished_to, error
select * from (
    (
    --> columns_live
    where not :back::bool and :queue::text is null and state = 'ready' and tenant <> '' and tenant = :tenant::text
        and ((-priority::int8), tenant, due, seq) > (:after_rank::int8, :tenant::text,
            timestamptz 'epoch' + :after_due::int8 * interval '1 microsecond', :after_seq::int8)
        and (:until_rank::int8 is null or ((-priority::int8), tenant, due, seq) <= (:until_rank::int8, :tenant::text,
            timestamptz 'epoch' + :until_due::int8 * interval '1 microsecond', :until_seq::int8))
        --> wanted_live
    order by (-priority::int8), tenant, due, seq limit :batch::int4)
    union all
    (
    --> columns_live
    where not :back::bool and :queue::text is not null and queue = :queue::text
        and state = 'ready' and queue <> '' and tenant = :tenant::text
        and ((-priority::int8), tenant, due, seq) > (:after_rank::int8, :tenant::text,
            timestamptz 'epoch' + :after_due::int8 * interval '1 microsecond', :after_seq::int8)
        and (:until_rank::int8 is null or ((-priority::int8), tenant, due, seq) <= (:until_rank::int8, :tenant::text,
            timestamptz 'epoch' + :until_due::int8 * interval '1 microsecond', :until_seq::int8))
        --> wanted_live
    order by queue, (-priority::int8), tenant, due, seq limit :batch::int4)
    union all
    (
    --> columns_live
    where :back::bool and :queue::text is null and state = 'ready' and tenant <> '' and tenant = :tenant::text
        and ((-priority::int8), tenant, due, seq) < (:after_rank::int8, :tenant::text,
            timestamptz 'epoch' + :after_due::int8 * interval '1 microsecond', :after_seq::int8)
        and (:until_rank::int8 is null or ((-priority::int8), tenant, due, seq) >= (:until_rank::int8, :tenant::text,
            timestamptz 'epoch' + :until_due::int8 * interval '1 microsecond', :until_seq::int8))
        --> wanted_live
    order by (-priority::int8) desc, tenant desc, due desc, seq desc limit :batch::int4)
    union all
    (
    --> columns_live
    where :back::bool and :queue::text is not null and queue = :queue::text
        and state = 'ready' and queue <> '' and tenant = :tenant::text
        and ((-priority::int8), tenant, due, seq) < (:after_rank::int8, :tenant::text,
            timestamptz 'epoch' + :after_due::int8 * interval '1 microsecond', :after_seq::int8)
        and (:until_rank::int8 is null or ((-priority::int8), tenant, due, seq) >= (:until_rank::int8, :tenant::text,
            timestamptz 'epoch' + :until_due::int8 * interval '1 microsecond', :until_seq::int8))
        --> wanted_live
    order by queue desc, (-priority::int8) desc, tenant desc, due desc, seq desc limit :batch::int4)
) page
