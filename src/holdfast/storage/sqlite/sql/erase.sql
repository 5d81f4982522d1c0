-- Removes every version of jobs from history.
--: rows tenant, id
delete from holdfast_history where tenant = :tenant and id = :id
