-- The same, to be removed next.
--: one tenant, key
select value from holdfast_metadata where tenant = :tenant and key = :key
