-- What a job waits for.
--: read one tenant, id
select a.pipe, a.filter, a.token, a.since, a.asked_at, s.due
from "holdfast".asks a
cross join lateral (
    select due from "holdfast".steps
    where tenant = a.tenant and id = a.id and version = a.version and branch = a.branch and name = a.name
        and nth = a.nth and state = 'waiting'
    limit 1
) as s
where a.tenant = :tenant::text and a.id = :id::uuid and a.taken_at is null
order by a.asked_at
