-- What the body of a suspended job waits for.
--: read one tenant, id, version
select name, kind, topic, extract(epoch from due - coalesce(:now::timestamptz, statement_timestamp()))::float8 from "holdfast".steps
where tenant = :tenant::text and id = :id::uuid and version = :version::int4 and state = 'waiting'
order by tenant, id, version, branch, name, nth limit 20
