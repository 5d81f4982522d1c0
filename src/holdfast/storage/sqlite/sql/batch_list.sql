-- Batches, newest first, a page from a cursor on: their ids begin with their time.
--: read one tenant, after, batch
select id from holdfast_batches where tenant = :tenant and id < coalesce(:after, 'g')
order by id desc
limit :batch
