-- Jobs by state, the newest ones to where their window ends (list_edge.sql).
--: read one tenant, until, live, ended, rest, states, queue, task, tag, key, group_key, lowest, highest, created_from, created_to, due_from, due_to, finished_from, finished_to, error
select state, count(*) from (
    select state from holdfast_jobs
    where :live and tenant = :tenant and id >= coalesce(:until, '')
        --> wanted_live
    union all
    select state from holdfast_history
    where :ended and tenant = :tenant and id >= coalesce(:until, '') and not stub and keep_until > :now
        --> wanted_ended
    union all
    select state from holdfast_history
    where :rest and tenant || '' = :tenant and state <> 'succeeded' and id >= coalesce(:until, '')
        and not stub and keep_until > :now
        --> wanted_ended
)
group by state
