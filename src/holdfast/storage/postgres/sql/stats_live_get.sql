-- How many live jobs were counted last, and when.
--: read one tenant, batch
select tenant, state, queue, task, count, due, coalesce((select pos from "holdfast".stats_marks where name = 'live'), 0)
from "holdfast".stats_live
where :tenant::text is null or tenant = :tenant::text
limit (select :batch::int4)
