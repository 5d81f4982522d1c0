-- What a job had recorded of these pieces becomes the record of another, which begins with it.
--: rows tenant, id, origin, version, branch, name, nth
insert into holdfast_steps (tenant, id, version, branch, name, nth, place, kind, state, result, error, attempt, tries,
    token, began_at, ended_at, topic)
select tenant, :id, 1, branch, name, nth, place, kind, state, result, error, 1, tries, 0, began_at, ended_at, topic
from holdfast_steps
where tenant = :tenant and id = :origin and version = :version and branch = :branch and name = :name and nth = :nth
on conflict do nothing
