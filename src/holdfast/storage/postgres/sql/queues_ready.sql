-- Queues in which jobs are ready: one look into the index for each.
--: read one
with recursive found (queue) as (
    (select queue from "holdfast".jobs where state = 'ready' and queue <> '' order by queue limit 1)
    union all
    select (
        select j.queue from "holdfast".jobs j
        where j.state = 'ready' and j.queue <> '' and j.queue > found.queue
        order by j.queue limit 1)
    from found where found.queue is not null
)
select queue from found where queue is not null
