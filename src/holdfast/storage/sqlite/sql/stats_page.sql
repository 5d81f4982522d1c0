-- What ended after one place in history and up to another, added up by minute, queue and task: numbers by state, the
-- latest failure, and how many waited and ran how long, as two digits times a power of ten (digits * 100 + power).
--: read one pos, upto
with page as materialized (
    select finished_at / 60000000 * 60000000 as minute, tenant, queue, task, state, finished_at,
        max(started_at - due, 0) as wait, max(finished_at - started_at, 0) as run
    from holdfast_history
    where pos > :pos and pos <= :upto
)
select 'state', minute, tenant, queue, task, state, count(*) from page group by minute, tenant, queue, task, state
union all
select 'failed', minute, tenant, queue, task, state, max(finished_at) from page where state = 'failed'
group by minute, tenant, queue, task, state
union all
select 'wait', minute, tenant, queue, task, cast(substr(wait, 1, 2) * 100 + max(length(wait) - 2, 0) as text), count(*)
from page where wait is not null group by 2, 3, 4, 5, 6
union all
select 'run', minute, tenant, queue, task, cast(substr(run, 1, 2) * 100 + max(length(run) - 2, 0) as text), count(*)
from page where run is not null group by 2, 3, 4, 5, 6
