-- Runs that came to no job: their instants may have one later.
--: rows tenant, name, instant, nth
delete from "holdfast".schedule_runs r
using unnest(:tenant::text[], :name::text[], :instant::int8[], :nth::int8[]) with ordinality
    as n (tenant, name, instant, nth, ord)
where r.tenant = n.tenant and r.name = n.name and r.nth = n.nth
    and r.instant = timestamptz 'epoch' + n.instant * interval '1 microsecond'
returning n.ord
