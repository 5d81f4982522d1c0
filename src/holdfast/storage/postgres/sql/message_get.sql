-- One message.
--: read one tenant, id
select id::text, pipe, key, value, job::text, sent_at, keep_until, taken, tenant, seq
from "holdfast".messages
where tenant = :tenant::text and id = :id::uuid
limit 1
