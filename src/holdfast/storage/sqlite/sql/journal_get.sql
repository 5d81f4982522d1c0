-- The journal of a job's version.
--: read one tenant, id, version
select code from holdfast_journals where tenant = :tenant and id = :id and version = :version
