-- Who has the jobs that a fenced write did not find: 1 still ours and locked just then, 2 ended under our token,
-- 3 back in the queue under our token, 4 still ours and a newer request waits on the row; in which state, for which
-- reason, by which policy. No row: another claim has it.
--: read rows tenant, id, token
select a.ord, case when h.state is not null then 2 when j.state <> 'running' then 3 when j.pending is null then 1
        else 4 end,
    coalesce(h.state, j.state), case when h.state is null then j.reason else h.reason end, j.policy
from unnest(:tenant::text[], :id::uuid[], :token::int8[]) with ordinality as a (tenant, id, token, ord)
left join lateral (
    select state, reason, pending, policy from "holdfast".jobs
    where tenant = a.tenant and id = a.id and token = a.token limit 1
) as j on true
left join lateral (
    select state, reason from "holdfast".history
    where tenant = a.tenant and id = a.id and token = a.token limit 1
) as h on true
where j.state is not null or h.state is not null
