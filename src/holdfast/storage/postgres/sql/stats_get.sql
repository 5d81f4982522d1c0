-- What is counted by now of some minutes, hours and days.
--: rows grain, instant, tenant, queue, task
select a.ord, s.succeeded, s.failed, s.cancelled, s.stalled, (extract(epoch from s.failed_at) * 1000000)::int8, s.waits,
    s.runs
from unnest(:grain::text[], :instant::int8[], :tenant::text[], :queue::text[], :task::text[])
    with ordinality as a (grain, instant, tenant, queue, task, ord)
cross join lateral (
    select * from "holdfast".stats
    where grain = a.grain and at = timestamptz 'epoch' + a.instant * interval '1 microsecond'
        and tenant = a.tenant and queue = a.queue and task = a.task
    limit 1
) as s
