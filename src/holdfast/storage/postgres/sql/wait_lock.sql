-- Locks live jobs that may have nothing to wait for any more, and says whether they still are held for it.
--: rows tenant, id
select a.ord, j.token, j.policy, j.gates, j.state = 'blocked' and j.reason = 'dependency'
from unnest(:tenant::text[], :id::uuid[]) with ordinality as a (tenant, id, ord)
cross join lateral (
    select token, policy, gates, state, reason from "holdfast".jobs where tenant = a.tenant and id = a.id
    limit 1
    for update skip locked
) as j
