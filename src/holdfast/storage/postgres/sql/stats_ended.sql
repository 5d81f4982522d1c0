-- How many jobs ended from one instant to before another, by queue and task, and when one failed last.
--: read one grain, low, high, tenant, batch
select queue, task, sum(succeeded)::int8, sum(failed)::int8, sum(cancelled)::int8, sum(stalled)::int8,
    (extract(epoch from max(failed_at)) * 1000000)::int8
from "holdfast".stats
where grain = :grain::text and at >= timestamptz 'epoch' + :low::int8 * interval '1 microsecond'
    and at < timestamptz 'epoch' + :high::int8 * interval '1 microsecond'
    and (:tenant::text is null or tenant = :tenant::text)
group by queue, task
limit (select :batch::int4)
