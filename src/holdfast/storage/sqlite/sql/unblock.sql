-- Jobs that waited for a worker that knows their task become ready, a page at a time; those with gates stand in line
-- again, of which each answers true.
--: one tasks, batch
update holdfast_jobs
set state = case when gates is null then 'ready' else 'blocked' end,
    reason = case when gates is not null then 'gate_entry' end,
    updated_at = :now
where seq in (
    select seq from holdfast_jobs
    where state = 'blocked' and reason <> 'gate' and reason = 'unknown_task' and task in (select value from json_each(:tasks))
    limit :batch
)
returning gates is not null
