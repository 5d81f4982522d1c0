-- Forgets all pieces of versions of jobs.
--: silent rows tenant, id, version
delete from holdfast_steps where tenant = :tenant and id = :id and version = :version
