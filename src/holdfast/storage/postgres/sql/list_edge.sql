-- Where a window of ids ends: so many on from a cursor in each table, and of these the nearest. Null: it has no more.
--: read one tenant, after, up, live, ended, rest, window
select case when :up::bool then min(id::text) else max(id::text) end from (
    (select id from "holdfast".jobs
    where not :up::bool and :live::bool and tenant = :tenant::text
        and id <= coalesce(:after::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    order by tenant desc, id desc limit 1 offset :window::int4)
    union all
    (select id from "holdfast".history
    where not :up::bool and :ended::bool and tenant = :tenant::text
        and id <= coalesce(:after::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    order by tenant desc, id desc limit 1 offset :window::int4)
    union all
    (select id from "holdfast".history
    where not :up::bool and :rest::bool and tenant || '' = :tenant::text and state <> 'succeeded'
        and id <= coalesce(:after::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    order by tenant || '' desc, id desc limit 1 offset :window::int4)
    union all
    (select id from "holdfast".jobs
    where :up::bool and :live::bool and tenant = :tenant::text
        and id >= coalesce(:after::uuid, '00000000-0000-0000-0000-000000000000')
    order by tenant, id limit 1 offset :window::int4)
    union all
    (select id from "holdfast".history
    where :up::bool and :ended::bool and tenant = :tenant::text
        and id >= coalesce(:after::uuid, '00000000-0000-0000-0000-000000000000')
    order by tenant, id limit 1 offset :window::int4)
    union all
    (select id from "holdfast".history
    where :up::bool and :rest::bool and tenant || '' = :tenant::text and state <> 'succeeded'
        and id >= coalesce(:after::uuid, '00000000-0000-0000-0000-000000000000')
    order by tenant || '', id limit 1 offset :window::int4)
) ends
