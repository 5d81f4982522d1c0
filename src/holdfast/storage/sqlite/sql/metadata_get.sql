-- A tenant's value of a key.
--: read one tenant, key
select value from holdfast_metadata where tenant = :tenant and key = :key
