-- Scheduled and suspended jobs whose time has come become ready, or come to their gates. Answers how many, in how many
-- seconds the next one is due, whether there are jobs whose own time is over, whether some came to their gates, in how
-- many seconds the next schedule is due, whether there are gates, and notes about jobs that wait.
--: one batch
update holdfast_jobs
set state = case when gates is null then 'ready' else 'blocked' end,
    reason = case when gates is not null then 'gate_entry' end, updated_at = :now
where seq in (select seq from holdfast_jobs where (state = 'scheduled' or state = 'suspended') and due <= :now order by due limit :batch);
select changes(),
    (select (due - :now) / 1000000.0 from holdfast_jobs
        where (state = 'scheduled' or state = 'suspended') and due > :now order by due limit 1),
    exists (select 1 from holdfast_jobs where stop_reason is not null and state <> 'running')
        or exists (select 1 from holdfast_jobs where expires_at <= :now
            and expires_at is not null and (state = 'scheduled' or state = 'blocked' or state = 'ready'))
        or exists (select 1 from holdfast_jobs where deadline_at <= :now
            and deadline_at is not null and stop_reason is null),
    exists (select 1 from holdfast_jobs where state = 'blocked' and reason <> 'gate' and reason = 'gate_entry'),
    (select (due_at - :now) / 1000000.0 from holdfast_schedules where due_at is not null order by due_at limit 1),
    exists (select 1 from holdfast_gates),
    exists (select 1 from holdfast_wait_notes)
