-- What messages are to become jobs of these tasks, the oldest first.
--: read one tasks, batch
select d.tenant, d.message::text, d.task, d.pipe, m.value
from unnest(:tasks::text[]) as t (task)
cross join lateral (
    select * from "holdfast".deliveries where task = t.task and parked is null
    order by task, seq limit (select :batch::int4)
) as d
cross join lateral (
    select value from "holdfast".messages where tenant = d.tenant and id = d.message limit 1
) as m
order by d.seq
limit (select :batch::int4)
