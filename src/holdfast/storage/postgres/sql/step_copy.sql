-- What a job had recorded of these pieces becomes the record of another, which begins with it.
--: rows tenant, id, origin, version, branch, name, nth
insert into "holdfast".steps (tenant, id, version, branch, name, nth, place, kind, state, result, error, attempt, tries,
    token, began_at, ended_at, topic)
select s.tenant, a.id, 1, s.branch, s.name, s.nth, s.place, s.kind, s.state, s.result, s.error, 1, s.tries, 0,
    s.began_at, s.ended_at, s.topic
from unnest(:tenant::text[], :id::uuid[], :origin::uuid[], :version::int4[], :branch::text[], :name::text[],
        :nth::int4[])
    with ordinality as a (tenant, id, origin, version, branch, name, nth, ord)
cross join lateral (
    select * from "holdfast".steps
    where tenant = a.tenant and id = a.origin and version = a.version and branch = a.branch and name = a.name
        and nth = a.nth
    limit 1
) as s
order by a.ord
on conflict do nothing
returning 1
