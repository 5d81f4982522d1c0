-- One message.
--: read one tenant, id
select id, pipe, key, value, job, sent_at, keep_until, taken, tenant, seq
from holdfast_messages
where tenant = :tenant and id = :id
