-- Jobs by id, the newest first: a page from a cursor on, to where its window ends (list_edge.sql).
-- Ids begin with their time, so the unique indexes give the order; those that did not succeed have one of their own.
--: read one tenant, after, version, until, live, ended, rest, batch, states, queue, task, tag, key, group_key, lowest, highest, created_from, created_to, due_from, due_to, finished_from, finished_to, error
select * from (
    select * from (
        --> columns_live
        where :live and tenant = :tenant
            and id <= coalesce(:after, 'g') and (id < coalesce(:after, 'g') or version < :version)
            and id >= coalesce(:until, '')
            --> wanted_live
        order by id desc
        limit :batch)
    union all
    select * from (
        --> columns_ended
        where :ended and tenant = :tenant
            and id <= coalesce(:after, 'g') and (id < coalesce(:after, 'g') or version < :version)
            and id >= coalesce(:until, '')
            and not stub and keep_until > :now
            --> wanted_ended
        order by id desc, version desc
        limit :batch)
    union all
    select * from (
        --> columns_ended
        where :rest and tenant || '' = :tenant and state <> 'succeeded'
            and id <= coalesce(:after, 'g') and (id < coalesce(:after, 'g') or version < :version)
            and id >= coalesce(:until, '')
            and not stub and keep_until > :now
            --> wanted_ended
        order by id desc, version desc
        limit :batch)
)
order by 2 desc, 3 desc
limit :batch
