-- The jobs that run, or those of one key, by id: few, and found by an index of their own. A page from a cursor on.
--: read one tenant, after, version, up, running, live, ended, window, batch, states, queue, task, tag, key, group_key, lowest, highest, created_from, created_to, due_from, due_to, finished_from, finished_to, error
select * from (
    select * from (
        --> columns_live
        where :running and state = 'running' and +tenant = :tenant
            --> wanted_live
        order by lease_until
        limit :window)
    union all
    select * from (
        --> columns_live
        where :live and tenant = :tenant and queue = :queue and key = :key
            --> wanted_live
        limit 1)
    union all
    select * from (
        --> columns_ended
        where :ended and tenant = :tenant and queue = :queue and key = :key and not stub and keep_until > :now
            --> wanted_ended
        order by finished_at desc
        limit :window)
)
where case when :up then id >= coalesce(:after, '') and (id > coalesce(:after, '') or version > :version)
    else id <= coalesce(:after, 'g') and (id < coalesce(:after, 'g') or version < :version) end
order by case when :up then id end, case when :up then version end, id desc, version desc
limit :batch
