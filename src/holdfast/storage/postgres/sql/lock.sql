-- Locks live jobs, for a decision about them in the same transaction. A row that does not come back is locked by
-- somebody just now, or not live.
--: rows tenant, id
select a.ord, j.state, j.token, j.version, j.policy, j.stop_reason, j.attempt, j.gates
from unnest(:tenant::text[], :id::uuid[]) with ordinality as a (tenant, id, ord)
cross join lateral (
    select state, token, version, policy, stop_reason, attempt, gates
    from "holdfast".jobs
    where tenant = a.tenant and id = a.id
    limit 1
    for update skip locked
) as j
