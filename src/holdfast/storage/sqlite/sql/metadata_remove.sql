-- Forgets a tenant's value of a key.
--: rows tenant, key
delete from holdfast_metadata where tenant = :tenant and key = :key
