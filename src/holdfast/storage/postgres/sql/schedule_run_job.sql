-- Says of runs that another job than theirs answers for them: the one that has their key, or is given their input.
--: rows tenant, name, instant, nth, id
update "holdfast".schedule_runs r
set id = n.id
from unnest(:tenant::text[], :name::text[], :instant::int8[], :nth::int8[], :id::uuid[]) with ordinality
    as n (tenant, name, instant, nth, id, ord)
where r.tenant = n.tenant and r.name = n.name and r.nth = n.nth
    and r.instant = timestamptz 'epoch' + n.instant * interval '1 microsecond'
returning n.ord
