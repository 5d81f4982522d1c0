-- Jobs and batches have ended: who waited for each, whether that is as it needed, and whether it is a batch. Where
-- 1,000 or more are answered for one, more may be left.
--: rows tenant, job, state
update holdfast_waits set failed = 1
where rowid in (
    select rowid from holdfast_waits
    where tenant = :tenant and job = :job and not failed
        and need <> 'finished' and (need = 'succeeded') <> (:state = 'succeeded')
    limit 1000)
returning id, 0, batch;
delete from holdfast_waits
where rowid in (
    select rowid from holdfast_waits
    where tenant = :tenant and job = :job and not failed
        and (need = 'finished' or (need = 'succeeded') = (:state = 'succeeded'))
    limit 1000)
returning id, 1, batch
