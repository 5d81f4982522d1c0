-- The job of a key: the live one, else the one that ended last.
--: read rows tenant, queue, key
select id from holdfast_jobs where tenant = :tenant and queue = :queue and key = :key
union all
select * from (
    select id from holdfast_history
    where tenant = :tenant and queue = :queue and key = :key and keep_until > :now and not stub
    order by finished_at desc, version desc
    limit 1
)
limit 1
