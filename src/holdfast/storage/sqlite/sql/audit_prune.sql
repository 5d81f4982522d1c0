-- Forgets what was done longer ago than this, a page at a time.
--: one age, batch
delete from holdfast_audit where seq in (
    select seq from holdfast_audit where at < :now - cast(:age * 1000000 as integer) order by at limit :batch)
returning 1
