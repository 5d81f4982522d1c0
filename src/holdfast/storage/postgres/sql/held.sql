-- Who has the jobs that a fenced write did not find: 1 still ours and locked just then, 2 ended under our token,
-- 3 back in the queue under our token. No row: another claim has it.
--: read rows tenant, id, token
select a.ord, case when h.id is not null then 2 when j.state = 'running' then 1 else 3 end
from unnest(:tenant::text[], :id::uuid[], :token::int8[]) with ordinality as a (tenant, id, token, ord)
left join "holdfast".jobs j on j.tenant = a.tenant and j.id = a.id and j.token = a.token
left join "holdfast".history h on h.tenant = a.tenant and h.id = a.id and h.token = a.token
where j.id is not null or h.id is not null
