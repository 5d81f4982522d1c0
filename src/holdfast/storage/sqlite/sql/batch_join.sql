-- Batches that still take jobs; none of them ends before this transaction does.
--: rows tenant, id
select 1 from holdfast_batches where tenant = :tenant and id = :id and state is null and not stopped
