-- Jobs that waited for a worker that knows their task become ready, a page at a time.
--: one tasks, batch
update holdfast_jobs
set state = 'ready', reason = null, updated_at = :now
where seq in (
    select seq from holdfast_jobs
    where state = 'blocked' and reason = 'unknown_task' and task in (select value from json_each(:tasks))
    limit :batch
)
returning 1
