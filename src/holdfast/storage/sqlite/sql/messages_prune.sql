-- Removes messages past their retention, a page at a time: none that is still to become a job.
--: one batch
delete from holdfast_messages
where seq in (
    select m.seq from holdfast_messages m
    where m.keep_until <= :now and not exists (
        select 1 from holdfast_deliveries d where d.tenant = m.tenant and d.message = m.id)
    order by m.keep_until limit :batch)
returning 1
