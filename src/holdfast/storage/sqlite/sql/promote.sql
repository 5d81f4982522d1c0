-- Scheduled jobs whose time has come become ready. Answers how many, and in how many seconds the next one is due.
--: one batch
update holdfast_jobs
set state = 'ready', reason = null, updated_at = :now
where seq in (select seq from holdfast_jobs where state = 'scheduled' and due <= :now order by due limit :batch);
select changes(),
    (select (due - :now) / 1000000.0 from holdfast_jobs where state = 'scheduled' and due > :now order by due limit 1)
