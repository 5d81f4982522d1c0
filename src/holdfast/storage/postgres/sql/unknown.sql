-- Tasks whose jobs wait for a worker that has them: one look into the index for each.
--: read one
with recursive found (task) as (
    (select task from "holdfast".jobs where state = 'blocked' and reason <> 'gate' and reason = 'unknown_task' order by task limit 1)
    union all
    select (
        select j.task from "holdfast".jobs j
        where j.state = 'blocked' and j.reason <> 'gate' and j.reason = 'unknown_task'
            and j.task > found.task
        order by j.task limit 1)
    from found where found.task is not null
)
select task from found where task is not null limit 1000
