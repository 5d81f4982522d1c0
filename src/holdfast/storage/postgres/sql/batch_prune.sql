-- Removes batches that ended and whose time is over, a page.
--: one batch
delete from "holdfast".batches
where ctid = any (array (
    select ctid from "holdfast".batches
    where keep_until <= coalesce(:now::timestamptz, statement_timestamp()) and keep_until is not null
    order by keep_until
    limit (select :batch::int4)
    for update skip locked))
returning 1
