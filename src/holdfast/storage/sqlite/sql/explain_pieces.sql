-- What the body of a suspended job waits for.
--: read one tenant, id, version
select name, kind, topic, (due - :now) / 1000000.0 from holdfast_steps
where tenant = :tenant and id = :id and version = :version and state = 'waiting'
order by tenant, id, version, branch, name, nth limit 20
