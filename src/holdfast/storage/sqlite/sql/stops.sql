-- Which of these running jobs are asked to stop, and which are no longer under their token (reason: null, lost: true).
--: read rows tenant, id, token
select stop_reason, 0 from holdfast_jobs
where tenant = :tenant and id = :id and token = :token and stop_reason is not null
union all
select null, 1
where not exists (select 1 from holdfast_jobs where tenant = :tenant and id = :id and token = :token)
limit 1
