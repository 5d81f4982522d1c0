-- How many jobs run, or have had one key, up to a window of them.
--: read one tenant, running, ended, queue, key, window
select count(*) from (
    select * from (select 1 as found from holdfast_jobs where :running and state = 'running'
        order by lease_until limit :window)
    union all
    select * from (select 1 from holdfast_history where :ended and tenant = :tenant and queue = :queue and key = :key
        order by finished_at desc limit :window)
)
