-- Queues with ready jobs, and for how many seconds the first in line has been due (of several tenants
-- the first tenant's): one look into the index for each.
--: read one
with recursive queue (name) as (
    (select queue from "holdfast".jobs where state = 'ready' and queue <> '' order by queue limit 1)
    union all
    select (
        select j.queue from "holdfast".jobs j
        where j.state = 'ready' and j.queue <> '' and j.queue > queue.name
        order by j.queue limit 1)
    from queue where queue.name is not null
)
select queue.name, extract(epoch from coalesce(:now::timestamptz, statement_timestamp()) - first.due)::float8
from queue, lateral (
    select j.due from "holdfast".jobs j
    where j.state = 'ready' and j.queue <> '' and j.queue = queue.name
    order by (-j.priority::int8), j.tenant, j.due limit 1) first
limit 1000
