-- The messages of a pipe, the newest first, from a cursor on.
--: read one tenant, pipe, before, batch
select id::text, pipe, key, value, job::text, sent_at, keep_until, taken, tenant, seq
from "holdfast".messages
where tenant = :tenant::text and pipe = :pipe::text and seq < coalesce(:before::int8, 9223372036854775807)
order by tenant desc, pipe desc, seq desc
limit (select :batch::int4)
