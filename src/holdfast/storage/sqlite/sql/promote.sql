-- Scheduled jobs whose time has come become ready. Answers how many, in how many seconds the next one is due, and
-- whether there are jobs whose own time is over.
--: one batch
update holdfast_jobs
set state = 'ready', reason = null, updated_at = :now
where seq in (select seq from holdfast_jobs where state = 'scheduled' and due <= :now order by due limit :batch);
select changes(),
    (select (due - :now) / 1000000.0 from holdfast_jobs where state = 'scheduled' and due > :now order by due limit 1),
    exists (select 1 from holdfast_jobs where stop_reason is not null and state <> 'running')
        or exists (select 1 from holdfast_jobs where expires_at <= :now
            and expires_at is not null and (state = 'scheduled' or state = 'blocked' or state = 'ready'))
        or exists (select 1 from holdfast_jobs where deadline_at <= :now
            and deadline_at is not null and stop_reason is null)
