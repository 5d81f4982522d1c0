-- Removes finished jobs past their time, a slice at a time.
--: one batch
delete from holdfast_job_logs
where rowid in (select rowid from holdfast_job_logs where keep_until <= :now limit :batch);
delete from holdfast_history
where rowid in (select rowid from holdfast_history where keep_until <= :now limit :batch);
select changes()
