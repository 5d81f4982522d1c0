-- Jobs whose own time is over: asked to stop and waiting, not started in time, or past their deadline.
--: one batch
select * from (
    select tenant, id, token, state, policy, stop_reason as why, gates
    from holdfast_jobs
    where stop_reason is not null and state <> 'running'
    order by updated_at
    limit :batch
)
union all
select * from (
    select tenant, id, token, state, policy, 'expired', gates
    from holdfast_jobs
    where expires_at <= :now and expires_at is not null and (state = 'scheduled' or state = 'blocked' or state = 'ready')
    order by expires_at
    limit :batch
)
union all
select * from (
    select tenant, id, token, state, policy, 'deadline', gates
    from holdfast_jobs
    where deadline_at <= :now and deadline_at is not null and stop_reason is null
    order by deadline_at
    limit :batch
)
