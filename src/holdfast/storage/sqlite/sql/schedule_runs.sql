-- The jobs of a schedule, newest instant first.
--: read one tenant, name, before, batch
select id, instant, nth
from holdfast_schedule_runs
where tenant = :tenant and name = :name and instant < coalesce(:before, 9223372036854775807)
order by instant desc, nth desc
limit :batch
