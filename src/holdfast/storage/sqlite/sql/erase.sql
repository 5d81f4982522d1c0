-- Removes every version of jobs from history, and what they said.
--: rows tenant, id
delete from holdfast_history where tenant = :tenant and id = :id;
delete from holdfast_job_logs where tenant = :tenant and id = :id
