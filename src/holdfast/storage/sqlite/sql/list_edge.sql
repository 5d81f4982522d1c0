-- Where a window of ids ends: so many on from a cursor in each table, and of these the nearest. Null: it has no more.
--: read one tenant, after, up, live, ended, rest, window
select case when :up then min(id) else max(id) end from (
    select * from (select id from holdfast_jobs
        where not :up and :live and tenant = :tenant and id <= coalesce(:after, 'g')
        order by id desc limit 1 offset :window)
    union all
    select * from (select id from holdfast_history
        where not :up and :ended and tenant = :tenant and id <= coalesce(:after, 'g')
        order by id desc limit 1 offset :window)
    union all
    select * from (select id from holdfast_history
        where not :up and :rest and tenant || '' = :tenant and state <> 'succeeded' and id <= coalesce(:after, 'g')
        order by id desc limit 1 offset :window)
    union all
    select * from (select id from holdfast_jobs
        where :up and :live and tenant = :tenant and id >= coalesce(:after, '')
        order by id limit 1 offset :window)
    union all
    select * from (select id from holdfast_history
        where :up and :ended and tenant = :tenant and id >= coalesce(:after, '')
        order by id limit 1 offset :window)
    union all
    select * from (select id from holdfast_history
        where :up and :rest and tenant || '' = :tenant and state <> 'succeeded' and id >= coalesce(:after, '')
        order by id limit 1 offset :window)
)
