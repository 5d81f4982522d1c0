-- What jobs and batches that somebody is to wait for are, and how they ended; a null state: they live.
--: read rows tenant, id
select 'job', null from holdfast_jobs where tenant = :tenant and id = :id
union all
select * from (
    select 'job', state from holdfast_history where tenant = :tenant and id = :id and keep_until > :now
    order by version desc limit 1
)
union all
select 'batch', state from holdfast_batches where tenant = :tenant and id = :id
limit 1
