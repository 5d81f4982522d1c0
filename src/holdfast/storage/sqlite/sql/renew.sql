-- Renews leases. A row that does not come back is not ours any more.
--: rows tenant, id, token, lease, elapsed
update holdfast_jobs as j
set lease_until = cast(g.now + g.lease * 1000000 as integer), updated_at = g.now,
    started_at = coalesce(cast(g.now - g.elapsed * 1000000 as integer), started_at)
from (with given as (:rows) select * from given) as g
where j.tenant = g.tenant and j.id = g.id and j.token = g.token and j.state = 'running'
