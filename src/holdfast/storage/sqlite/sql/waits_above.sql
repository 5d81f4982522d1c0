-- All that waits for these jobs or batches, directly or through others: 10,000 for one at most.
--: read rows tenant, id
with recursive above (id) as (
    select id from holdfast_waits where tenant = :tenant and job = :id
    union
    select w.id from above cross join holdfast_waits w on w.rowid in (
        select rowid from holdfast_waits where tenant = :tenant and job = above.id)
)
select id from above limit 10000
