-- How many jobs ended in each minute, hour or day from one instant to before another, in ascending order.
--: read one grain, low, high, tenant, queue, task
select (extract(epoch from at) * 1000000)::int8, sum(succeeded)::int8, sum(failed)::int8, sum(cancelled)::int8,
    sum(stalled)::int8
from "holdfast".stats
where grain = :grain::text and at >= timestamptz 'epoch' + :low::int8 * interval '1 microsecond'
    and at < timestamptz 'epoch' + :high::int8 * interval '1 microsecond'
    and (:tenant::text is null or tenant = :tenant::text) and (:queue::text is null or queue = :queue::text)
    and (:task::text is null or task = :task::text)
group by at
