-- What a job waits for.
--: read one tenant, id
select a.pipe, a.filter, a.token, a.since, a.asked_at, s.due
from holdfast_asks a
cross join holdfast_steps s on s.tenant = a.tenant and s.id = a.id and s.version = a.version and s.branch = a.branch
    and s.name = a.name and s.nth = a.nth and s.state = 'waiting'
where a.tenant = :tenant and a.id = :id and a.taken_at is null
order by a.asked_at
