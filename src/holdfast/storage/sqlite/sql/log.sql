-- Log lines of running bodies, under their token, and numbered: a line said again is there already. They go when the
-- job would at the latest.
--: rows tenant, id, token, line, attempt, ago, level, message, step, keep
insert into holdfast_job_logs (tenant, id, token, line, attempt, at, level, message, step, keep_until)
select :tenant, :id, :token, :line, :attempt, cast(:now - :ago * 1000000 as integer), :level, :message, :step,
    cast(:now + :keep * 1000000 as integer)
where exists (select 1 from holdfast_jobs where tenant = :tenant and id = :id and token = :token)
on conflict do nothing
