-- Forgets what jobs waited for whose journals are forgotten.
--: silent rows tenant, id, version
delete from holdfast_asks where tenant = :tenant and id = :id and version = :version
