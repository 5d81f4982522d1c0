-- Who has the jobs that a fenced write did not find: 1 still ours and locked just then, 2 ended under our token,
-- 3 back in the queue under our token; and in which state, for which reason. No row: another claim has it.
--: read rows tenant, id, token
select a.ord, case when h.state is not null then 2 when j.state = 'running' then 1 else 3 end,
    coalesce(h.state, j.state), case when h.state is null then j.reason else h.reason end
from unnest(:tenant::text[], :id::uuid[], :token::int8[]) with ordinality as a (tenant, id, token, ord)
left join lateral (
    select state, reason from "holdfast".jobs
    where tenant = a.tenant and id = a.id and token = a.token limit 1
) as j on true
left join lateral (
    select state, reason from "holdfast".history
    where tenant = a.tenant and id = a.id and token = a.token limit 1
) as h on true
where j.state is not null or h.state is not null
