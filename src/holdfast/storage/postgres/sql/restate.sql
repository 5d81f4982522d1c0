-- Gives jobs that were just claimed what their queue says of jobs that say nothing themselves.
--: silent rows tenant, id, token, policy, max_attempts
update "holdfast".jobs j
set policy = s.policy, max_attempts = s.max_attempts
from unnest(:tenant::text[], :id::uuid[], :token::int8[], :policy::text[], :max_attempts::int4[])
    as s (tenant, id, token, policy, max_attempts)
where j.tenant = s.tenant and j.id = s.id and j.token = s.token
