-- How long jobs waited and ran that ended from one instant to before another; one row of each minute, hour or day, queue
-- and task.
--: read one grain, low, high, tenant, queue, task, batch
select waits, runs
from "holdfast".stats
where grain = :grain::text and at >= timestamptz 'epoch' + :low::int8 * interval '1 microsecond'
    and at < timestamptz 'epoch' + :high::int8 * interval '1 microsecond'
    and (:tenant::text is null or tenant = :tenant::text) and (:queue::text is null or queue = :queue::text)
    and (:task::text is null or task = :task::text)
limit (select :batch::int4)
