-- A page of the live jobs in the order of tenants and ids, added up by state, queue and task, with the earliest time due
-- of each; and in the first row how many they were, and which was the last.
--: read one tenant, after, batch
with page as materialized (
    select tenant, id, state, queue, task, due from "holdfast".jobs
    where (tenant, id) > (:tenant::text, :after::uuid)
    order by tenant, id
    limit (select :batch::int4)
)
select * from (
    select 0 as part, (select tenant from page order by tenant desc, id desc limit 1) as tenant,
        (select id::text from page order by tenant desc, id desc limit 1) as state, '' as queue, '' as task,
        (select count(*) from page) as count, null::timestamptz as due
    union all
    select 1, tenant, state, queue, task, count(*), min(due) from page group by tenant, state, queue, task
) as found
order by part
