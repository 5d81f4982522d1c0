-- The jobs that run, or those of one key, by id: few, and found by an index of their own. A page from a cursor on.
--: read one tenant, after, version, up, running, live, ended, window, batch, states, queue, task, tag, key, group_key, lowest, highest, created_from, created_to, due_from, due_to, finished_from, finished_to, error
select * from (
    (
    --> columns_live
    where :running::bool and state = 'running' and tenant = :tenant::text
        --> wanted_live
    order by lease_until
    limit :window::int4)
    union all
    (
    --> columns_live
    where :live::bool and tenant = :tenant::text and queue = :queue::text and key = :key::text
        --> wanted_live
    limit 1)
    union all
    (
    --> columns_ended
    where :ended::bool and tenant = :tenant::text and queue = :queue::text and key = :key::text
        and not stub and keep_until > coalesce(:now::timestamptz, statement_timestamp())
        --> wanted_ended
    order by finished_at desc
    limit :window::int4)
) page
where case when :up::bool then id >= coalesce(:after::text, '')
    and (id > coalesce(:after::text, '') or version > :version::int4)
    else id <= coalesce(:after::text, 'g') and (id < coalesce(:after::text, 'g') or version < :version::int4) end
order by case when :up::bool then id end, case when :up::bool then version end, id desc, version desc
limit :batch::int4
