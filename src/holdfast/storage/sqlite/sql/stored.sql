-- What earlier tries of requests came to: a job of their own, live or ended, or the version of another's. No row: nothing
-- was committed.
--: read rows tenant, id
select id, version from holdfast_marks where tenant = :tenant and kind = 'request' and name = :id
union all
select id, 1 from holdfast_jobs where tenant = :tenant and id = :id
union all
select id, 1 from holdfast_history where tenant = :tenant and id = :id
limit 1
