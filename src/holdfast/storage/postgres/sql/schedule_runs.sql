-- The jobs of a schedule, newest instant first.
--: read one tenant, name, before, batch
select id::text, instant, nth
from "holdfast".schedule_runs
where tenant = :tenant::text and name = :name::text
    and instant < coalesce(timestamptz 'epoch' + :before::int8 * interval '1 microsecond', 'infinity'::timestamptz)
order by instant desc, nth desc
limit :batch::int4
