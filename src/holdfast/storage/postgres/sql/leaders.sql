-- Who leads, or was the last to.
--: read one
select role, boot, term, extract(epoch from expires_at - coalesce(:now::timestamptz, statement_timestamp()))::float8
from "holdfast".leaders order by role
