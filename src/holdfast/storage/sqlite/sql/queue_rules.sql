-- Of which queues workers have to know something: paused, with a limit or a pace, or with defaults for their jobs;
-- and which tenants hold back their own jobs in some.
--: read one tenant
select name, paused_at is not null, concurrency is not null or spacing is not null, defaults, tenant
from holdfast_queues
where tenant = :tenant
    and (paused_at is not null or concurrency is not null or spacing is not null or defaults <> '{}')
union all
select name, 1, 0, '{}', tenant from holdfast_queues where paused_at is not null and tenant <> :tenant
