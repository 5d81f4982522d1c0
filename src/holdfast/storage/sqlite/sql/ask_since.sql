-- From when on a wait takes messages, and those that its job has taken.
--: read one tenant, id, version, branch, name, nth
select since, null from holdfast_asks
where tenant = :tenant and id = :id and version = :version and branch = :branch and name = :name and nth = :nth
union all
select null, message from holdfast_asks
where tenant = :tenant and id = :id and version = :version and message is not null
