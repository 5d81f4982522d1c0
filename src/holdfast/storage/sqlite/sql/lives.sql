-- Which of these jobs live.
--: read rows tenant, id
select 1 from holdfast_jobs where tenant = :tenant and id = :id
