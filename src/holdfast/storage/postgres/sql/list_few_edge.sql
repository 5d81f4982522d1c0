-- How many jobs run, or have had one key, up to a window of them.
--: read one tenant, running, ended, queue, key, window
select count(*) from (
    (select 1 as found from "holdfast".jobs where :running::bool and state = 'running'
        order by lease_until limit :window::int4)
    union all
    (select 1 from "holdfast".history where :ended::bool and tenant = :tenant::text
            and queue = :queue::text and key = :key::text
        order by finished_at desc limit :window::int4)
) few
