-- A page of the live jobs in the order of tenants and ids, added up by state, queue and task, with the earliest time due
-- of each; and in the first row how many they were, and which was the last.
--: read one tenant, after, batch
with page as materialized (
    select tenant, id, state, queue, task, due from holdfast_jobs
    where (tenant, id) > (:tenant, :after)
    order by tenant, id
    limit :batch
)
select 0, (select tenant from page order by tenant desc, id desc limit 1),
    (select id from page order by tenant desc, id desc limit 1), '', '', (select count(*) from page), null
union all
select 1, tenant, state, queue, task, count(*), min(due) from page group by tenant, state, queue, task
order by 1
