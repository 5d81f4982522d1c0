-- The first and the last tenant with live jobs; when the ready job that waits longest was due, over the first thousand
-- tenants and priorities, and when the next scheduled one is due, whoever's.
--: read one
with recursive ready (place, step) as (
    select (select rowid from holdfast_jobs where state = 'ready' order by -priority, tenant, due, seq limit 1), 1
    union all
    select coalesce(
        (select rowid from holdfast_jobs where state = 'ready' and -priority = -j.priority and tenant > j.tenant
        order by -priority, tenant, due, seq limit 1),
        (select rowid from holdfast_jobs where state = 'ready' and -priority > -j.priority
        order by -priority, tenant, due, seq limit 1)), step + 1
    from ready join holdfast_jobs j on j.rowid = ready.place
    where step < 1000
)
select (select tenant from holdfast_jobs order by tenant, id limit 1),
    (select tenant from holdfast_jobs order by tenant desc, id desc limit 1),
    (select min(due) from holdfast_jobs where rowid in (select place from ready)),
    (select due from holdfast_jobs where state = 'scheduled' order by due limit 1)
