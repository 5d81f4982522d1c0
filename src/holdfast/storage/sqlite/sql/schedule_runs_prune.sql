-- Forgets which instants were fired long ago, a slice at a time.
--: one keep, batch
delete from holdfast_schedule_runs
where rowid in (select rowid from holdfast_schedule_runs where fired_at < :now - :keep * 1000000
    order by fired_at limit :batch);
select changes()
