-- Who has the jobs that a fenced write did not find: 1 still ours and locked just then, 2 ended under our token,
-- 3 back in the queue under our token, 4 still ours and a newer request waits on the row, 5 under our token and others
-- wait for its end, 6 as 4 and that request waits for others; in which state, for which reason, by which policy. No row: another claim has it.
--: read rows tenant, id, token
select a.ord, case when h.state is not null then 2 when strpos(j.pending, '"after\"') > 0 then 6
        when j.pending is not null then 4 when j.watched then 5
        when j.state <> 'running' then 3 else 1 end,
    coalesce(h.state, j.state), case when h.state is null then j.reason else h.reason end, j.policy
from unnest(:tenant::text[], :id::uuid[], :token::int8[]) with ordinality as a (tenant, id, token, ord)
left join lateral (
    select state, reason, pending, policy, watched from "holdfast".jobs
    where tenant = a.tenant and id = a.id and token = a.token limit 1
) as j on true
left join lateral (
    select state, reason from "holdfast".history
    where tenant = a.tenant and id = a.id and token = a.token limit 1
) as h on true
where j.state is not null or h.state is not null
