-- Queues in which jobs are ready or run, and those of some of the jobs that are due later or blocked, for no index knows
-- these by their queue.
--: read one batch
with recursive ready (queue) as (
    (select queue from "holdfast".jobs where state = 'ready' and queue <> '' order by queue limit 1)
    union all
    select (
        select j.queue from "holdfast".jobs j
        where j.state = 'ready' and j.queue <> '' and j.queue > ready.queue
        order by j.queue limit 1)
    from ready where ready.queue is not null
)
select queue from ready where queue is not null
union
select queue from (select queue from "holdfast".jobs where state = 'running' order by lease_until desc
    limit (select :batch::int4)) as running
union
select queue from (select queue from "holdfast".jobs where state = 'scheduled' order by due
    limit (select :batch::int4)) as later
union
select queue from (select queue from "holdfast".jobs where state = 'blocked' and reason <> 'gate' order by reason, task
    limit (select :batch::int4)) as blocked
