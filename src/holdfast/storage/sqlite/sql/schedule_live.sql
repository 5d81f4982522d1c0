-- The live jobs of schedules.
--: rows tenant, name
select id from holdfast_jobs where tenant = :tenant and schedule_id = :name and schedule_id is not null
