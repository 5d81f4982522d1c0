-- The journal of a job's version.
--: read one tenant, id, version
select code from "holdfast".journals where tenant = :tenant::text and id = :id::uuid and version = :version::int4
