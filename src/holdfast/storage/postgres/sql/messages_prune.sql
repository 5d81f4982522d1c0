-- Removes messages past their retention, a page at a time: none that is still to become a job.
--: one batch
delete from "holdfast".messages
where seq = any (array (
    select m.seq from "holdfast".messages m
    where m.keep_until <= coalesce(:now::timestamptz, statement_timestamp()) and not exists (
        select from "holdfast".deliveries d where d.tenant = m.tenant and d.message = m.id offset 0)
    order by m.keep_until
    limit (select :batch::int4)
    for update skip locked))
returning 1
