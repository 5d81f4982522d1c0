-- Jobs by id, the oldest first: a page from a cursor on, to where its window ends (list_edge.sql).
-- Ids begin with their time, so the primary keys give the order; those that did not succeed have an index of their own
-- (of the column: an unqualified `id` would be the text that is answered, and a sort of the whole table).
--: read one tenant, after, version, until, live, ended, rest, batch, states, queue, task, tag, key, group_key, lowest, highest, created_from, created_to, due_from, due_to, finished_from, finished_to, error
select * from (
    (
    --> columns_live
    where :live::bool and tenant = :tenant::text
        and id >= coalesce(:after::uuid, '00000000-0000-0000-0000-000000000000')
        and (id > coalesce(:after::uuid, '00000000-0000-0000-0000-000000000000') or version > :version::int4)
        and id <= coalesce(:until::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
        --> wanted_live
    order by j.tenant, j.id
    limit :batch::int4)
    union all
    (
    --> columns_ended
    where :ended::bool and tenant = :tenant::text
        and id >= coalesce(:after::uuid, '00000000-0000-0000-0000-000000000000')
        and (id > coalesce(:after::uuid, '00000000-0000-0000-0000-000000000000') or version > :version::int4)
        and id <= coalesce(:until::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
        and not stub and keep_until > coalesce(:now::timestamptz, statement_timestamp())
        --> wanted_ended
    order by h.tenant, h.id, h.version
    limit :batch::int4)
    union all
    (
    --> columns_ended
    where :rest::bool and tenant || '' = :tenant::text and state <> 'succeeded'
        and id >= coalesce(:after::uuid, '00000000-0000-0000-0000-000000000000')
        and (id > coalesce(:after::uuid, '00000000-0000-0000-0000-000000000000') or version > :version::int4)
        and id <= coalesce(:until::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
        and not stub and keep_until > coalesce(:now::timestamptz, statement_timestamp())
        --> wanted_ended
    order by h.tenant || '', h.id, h.version
    limit :batch::int4)
) page
order by id, version
limit :batch::int4
