-- Forgets journals.
--: silent rows tenant, id, version
delete from holdfast_journals where tenant = :tenant and id = :id and version = :version
