-- Running jobs have done what may have to be undone: marked as one that others wait for, so that its end is no plain one.
--: silent rows tenant, id, token
update "holdfast".jobs j
set watched = true, policy = case when j.policy = '{}' then '{"undo":""}' else left(j.policy, -1) || ',"undo":""}' end
from unnest(:tenant::text[], :id::uuid[], :token::int8[]) as m (tenant, id, token)
where j.tenant = m.tenant and j.id = m.id and j.token = m.token and strpos(j.policy, '"undo":"') = 0
