-- What ended after one place in history and up to another, added up by minute, queue and task: numbers by state, the
-- latest failure, and how many waited and ran how long, as two digits times a power of ten (digits * 100 + power).
--: read one pos, upto
with page as materialized (
    select (extract(epoch from date_trunc('minute', finished_at)) * 1000000)::int8 as minute, tenant, queue, task, state,
        (extract(epoch from finished_at) * 1000000)::int8 as finished,
        greatest((extract(epoch from started_at - due) * 1000000)::int8, 0) as wait,
        greatest((extract(epoch from finished_at - started_at) * 1000000)::int8, 0) as run
    from "holdfast".history
    where crashes >= 0 and finished_at > timestamptz 'epoch' + :pos::int8 * interval '1 microsecond'
        and finished_at <= timestamptz 'epoch' + :upto::int8 * interval '1 microsecond'
)
select 'state', minute, tenant, queue, task, state, count(*) from page group by minute, tenant, queue, task, state
union all
select 'failed', minute, tenant, queue, task, state, max(finished) from page where state = 'failed'
group by minute, tenant, queue, task, state
union all
select 'wait', minute, tenant, queue, task, (left(wait::text, 2)::int * 100 + greatest(length(wait::text) - 2, 0))::text,
    count(*)
from page where wait is not null group by 2, 3, 4, 5, 6
union all
select 'run', minute, tenant, queue, task, (left(run::text, 2)::int * 100 + greatest(length(run::text) - 2, 0))::text,
    count(*)
from page where run is not null group by 2, 3, 4, 5, 6
