-- Suspended jobs may go on: due at once, or to stand before their gates. Answers for each job that is there whether it was
-- suspended, and whether it has gates. Jobs that run are left alone: they look by themselves before they are suspended.
--: rows tenant, id
select state = 'suspended', gates is not null from holdfast_jobs where tenant = :tenant and id = :id;
update holdfast_jobs
set state = case when gates is null then 'ready' else 'blocked' end,
    reason = case when gates is not null then 'gate_entry' end, due = min(due, :now), updated_at = :now
where tenant = :tenant and id = :id and state = 'suspended'
