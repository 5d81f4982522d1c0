-- Jobs by state, the newest ones to where their window ends (list_edge.sql).
--: read one tenant, until, live, ended, rest, states, queue, task, tag, key, group_key, lowest, highest, created_from, created_to, due_from, due_to, finished_from, finished_to, error
select state, count(*) from (
    select state from "holdfast".jobs
    where :live::bool and tenant = :tenant::text
        and id >= coalesce(:until::uuid, '00000000-0000-0000-0000-000000000000')
        --> wanted_live
    union all
    select state from "holdfast".history h
    where :ended::bool and tenant = :tenant::text
        and id >= coalesce(:until::uuid, '00000000-0000-0000-0000-000000000000')
        and not stub and keep_until > coalesce(:now::timestamptz, statement_timestamp())
        --> wanted_ended
    union all
    select state from "holdfast".history h
    where :rest::bool and tenant || '' = :tenant::text and state <> 'succeeded'
        and id >= coalesce(:until::uuid, '00000000-0000-0000-0000-000000000000')
        and not stub and keep_until > coalesce(:now::timestamptz, statement_timestamp())
        --> wanted_ended
) found
group by state
