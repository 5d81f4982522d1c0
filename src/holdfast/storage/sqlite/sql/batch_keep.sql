-- Batches that have not ended, and do not before this transaction does. One that does not come back has ended, or is
-- locked by somebody just now.
--: rows tenant, id
select 1 from holdfast_batches where tenant = :tenant and id = :id and state is null
