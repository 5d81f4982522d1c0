-- Removes batches that ended and whose time is over, a page.
--: one batch
delete from holdfast_batches
where rowid in (
    select rowid from holdfast_batches where keep_until <= :now and keep_until is not null limit :batch)
returning 1
