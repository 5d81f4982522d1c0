-- Queues with ready jobs, and for how many seconds the first in line has been due (of several tenants
-- the first tenant's): one look into the index for each.
--: read one
with recursive queue (name) as (
    select * from (select queue from holdfast_jobs where state = 'ready' order by queue limit 1)
    union all
    select (
        select j.queue from holdfast_jobs j
        where j.state = 'ready' and j.queue > queue.name
        order by j.queue limit 1)
    from queue where queue.name is not null
)
select queue.name, (:now - (
    select j.due from holdfast_jobs j
    where j.state = 'ready' and j.queue = queue.name
    order by -j.priority, j.tenant, j.due limit 1)) / 1e6
from queue
where queue.name is not null
limit 1000
