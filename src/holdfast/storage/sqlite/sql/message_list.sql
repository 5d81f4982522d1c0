-- The messages of a pipe, the newest first, from a cursor on.
--: read one tenant, pipe, before, batch
select id, pipe, key, value, job, sent_at, keep_until, taken, tenant, seq
from holdfast_messages
where tenant = :tenant and pipe = :pipe and seq < coalesce(:before, 9223372036854775807)
order by seq desc
limit :batch
