-- Live jobs are waited for in the middle of another's body: their ends are no plain ones, and wake it. One that is locked
-- by somebody just now is left as it is, and looked at again.
--: silent rows tenant, id
with held as materialized (
    select j.place
    from unnest(:tenant::text[], :id::uuid[]) as m (tenant, id)
    cross join lateral (
        select ctid as place, policy from "holdfast".jobs where tenant = m.tenant and id = m.id
        limit 1
        for update skip locked
    ) as j
    where strpos(j.policy, '"awaited"') = 0
)
update "holdfast".jobs j
set watched = true, policy = case when j.policy = '{}' then '{"awaited": true}'
    else left(j.policy, -1) || ',"awaited": true}' end
from held h
where j.ctid = h.place
