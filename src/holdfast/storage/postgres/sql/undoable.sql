-- Running jobs have done what may have to be undone: marked as one that others wait for, so that its end is no plain one.
--: silent rows tenant, id, token
with held as materialized (
    select j.place
    from unnest(:tenant::text[], :id::uuid[], :token::int8[]) as m (tenant, id, token)
    cross join lateral (
        select ctid as place, policy from "holdfast".jobs
        where tenant = m.tenant and id = m.id and token = m.token
        limit 1
        for update
    ) as j
    where strpos(j.policy, '"undo":"') = 0
)
update "holdfast".jobs j
set watched = true, policy = case when j.policy = '{}' then '{"undo":""}' else left(j.policy, -1) || ',"undo":""}' end
from held h
where j.ctid = h.place
