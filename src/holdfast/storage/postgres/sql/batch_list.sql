-- Batches, newest first, a page from a cursor on: their ids begin with their time.
--: read one tenant, after, batch
select b.id::text from "holdfast".batches b
where b.tenant = :tenant::text and b.id < coalesce(:after::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
order by b.tenant desc, b.id desc
limit :batch::int4
