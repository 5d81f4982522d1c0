-- Where a window of ready jobs in the order of claims ends: so many on from a cursor; nothing where it has no more.
--: read one tenant, back, after_rank, after_due, after_seq, queue, window
select * from (
    (
    select (-priority::int8) as rank, due, seq from "holdfast".jobs
    where not :back::bool and :queue::text is null and state = 'ready' and tenant <> '' and tenant = :tenant::text
        and ((-priority::int8), tenant, due, seq) > (:after_rank::int8, :tenant::text,
            timestamptz 'epoch' + :after_due::int8 * interval '1 microsecond', :after_seq::int8)
    order by (-priority::int8), tenant, due, seq
    limit 1 offset :window::int4)
    union all
    (
    select (-priority::int8) as rank, due, seq from "holdfast".jobs
    where not :back::bool and :queue::text is not null and queue = :queue::text
        and state = 'ready' and queue <> '' and tenant = :tenant::text
        and ((-priority::int8), tenant, due, seq) > (:after_rank::int8, :tenant::text,
            timestamptz 'epoch' + :after_due::int8 * interval '1 microsecond', :after_seq::int8)
    order by queue, (-priority::int8), tenant, due, seq
    limit 1 offset :window::int4)
    union all
    (
    select (-priority::int8) as rank, due, seq from "holdfast".jobs
    where :back::bool and :queue::text is null and state = 'ready' and tenant <> '' and tenant = :tenant::text
        and ((-priority::int8), tenant, due, seq) < (:after_rank::int8, :tenant::text,
            timestamptz 'epoch' + :after_due::int8 * interval '1 microsecond', :after_seq::int8)
    order by (-priority::int8) desc, tenant desc, due desc, seq desc
    limit 1 offset :window::int4)
    union all
    (
    select (-priority::int8) as rank, due, seq from "holdfast".jobs
    where :back::bool and :queue::text is not null and queue = :queue::text
        and state = 'ready' and queue <> '' and tenant = :tenant::text
        and ((-priority::int8), tenant, due, seq) < (:after_rank::int8, :tenant::text,
            timestamptz 'epoch' + :after_due::int8 * interval '1 microsecond', :after_seq::int8)
    order by queue desc, (-priority::int8) desc, tenant desc, due desc, seq desc
    limit 1 offset :window::int4)
) ends
