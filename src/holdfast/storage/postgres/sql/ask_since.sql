-- From when on a wait takes messages, and those that its job has taken.
--: read one tenant, id, version, branch, name, nth
select since, null::text from "holdfast".asks
where tenant = :tenant::text and id = :id::uuid and version = :version::int4 and branch = :branch::text
    and name = :name::text and nth = :nth::int4
union all
select null, message::text from "holdfast".asks
where tenant = :tenant::text and id = :id::uuid and version = :version::int4 and message is not null
