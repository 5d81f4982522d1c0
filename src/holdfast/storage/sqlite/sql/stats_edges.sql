-- The first and the last tenant with live jobs; when the ready job that waits longest was due, over the hundred highest
-- priorities, and when the next scheduled one is due, whoever's.
--: read one
with recursive ready (rank, step) as (
    select (select -priority from holdfast_jobs where state = 'ready' order by -priority, due, seq limit 1), 1
    union all
    select (select -priority from holdfast_jobs where state = 'ready' and -priority > ready.rank
        order by -priority, due, seq limit 1), step + 1
    from ready where rank is not null and step < 100
)
select (select tenant from holdfast_jobs order by tenant, id limit 1),
    (select tenant from holdfast_jobs order by tenant desc, id desc limit 1),
    (select min((select due from holdfast_jobs where state = 'ready' and -priority = ready.rank
        order by due limit 1)) from ready),
    (select due from holdfast_jobs where state = 'scheduled' order by due limit 1)
