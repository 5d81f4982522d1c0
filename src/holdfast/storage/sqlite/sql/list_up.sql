-- Jobs by id, the oldest first: a page from a cursor on, to where its window ends (list_edge.sql).
-- Ids begin with their time, so the unique indexes give the order; those that did not succeed have one of their own.
--: read one tenant, after, version, until, live, ended, rest, batch, states, queue, task, tag, key, group_key, lowest, highest, created_from, created_to, due_from, due_to, finished_from, finished_to, error
select * from (
    select * from (
        --> columns_live
        where :live and tenant = :tenant
            and id >= coalesce(:after, '') and (id > coalesce(:after, '') or version > :version)
            and id <= coalesce(:until, 'g')
            --> wanted_live
        order by id
        limit :batch)
    union all
    select * from (
        --> columns_ended
        where :ended and tenant = :tenant
            and id >= coalesce(:after, '') and (id > coalesce(:after, '') or version > :version)
            and id <= coalesce(:until, 'g')
            and not stub and keep_until > :now
            --> wanted_ended
        order by id, version
        limit :batch)
    union all
    select * from (
        --> columns_ended
        where :rest and tenant || '' = :tenant and state <> 'succeeded'
            and id >= coalesce(:after, '') and (id > coalesce(:after, '') or version > :version)
            and id <= coalesce(:until, 'g')
            and not stub and keep_until > :now
            --> wanted_ended
        order by id, version
        limit :batch)
)
order by 2, 3
limit :batch
