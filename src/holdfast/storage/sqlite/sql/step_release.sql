-- Parked jobs may go on, or come to their gates; each answers whether it has some.
--: rows tenant, id
update holdfast_jobs
set state = case when gates is null then 'ready' else 'blocked' end,
    reason = case when gates is not null then 'gate_entry' end, updated_at = :now
where tenant = :tenant and id = :id and state = 'blocked' and (reason = 'nondeterminism' or reason = 'undo')
returning gates is not null
