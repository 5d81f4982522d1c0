-- Forgets what jobs waited for.
--: silent rows tenant, id
delete from holdfast_waits where tenant = :tenant and id = :id
