-- The newest runs of a schedule that has another name by now; those it had under that name before stay.
--: rows tenant, name, former, newest
update "holdfast".schedule_runs r
set name = moved.name
from unnest(:tenant::text[], :name::text[], :former::text[], :newest::int8[]) with ordinality
    as moved (tenant, name, former, newest, ord)
cross join lateral (
    select o.instant, o.nth from "holdfast".schedule_runs o
    where o.tenant = moved.tenant and o.name = moved.former and not exists (
        select from "holdfast".schedule_runs t
        where t.tenant = moved.tenant and t.name = moved.name and t.instant = o.instant and t.nth = o.nth)
    order by o.instant desc, o.nth desc
    limit moved.newest
) as old
where r.tenant = moved.tenant and r.name = moved.former and r.instant = old.instant and r.nth = old.nth
returning moved.ord
