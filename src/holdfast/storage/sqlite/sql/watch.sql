-- Marks live jobs as waited for, and keeps them from ending until this transaction has. One that does not come back has
-- ended, or is locked by somebody just now.
--: rows tenant, id
update holdfast_jobs set watched = 1 where tenant = :tenant and id = :id
