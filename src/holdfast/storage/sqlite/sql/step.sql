-- Records pieces of running jobs, under their token. A newer word about a piece takes the older's place.
--: rows tenant, id, token, version, branch, name, nth, place, kind, state, mark, result, error, attempt, tries, elapsed, delay, topic, undo
insert into holdfast_steps (tenant, id, version, branch, name, nth, place, kind, state, mark, result, error, attempt,
    tries, token, began_at, ended_at, due, topic, undo)
with given as (:rows)
select g.tenant, g.id, g.version, g.branch, g.name, g.nth, g.place, g.kind, g.state, g.mark, g.result, g.error,
    g.attempt, g.tries, g.token, cast(g.now - g.elapsed * 1000000 as integer),
    case when g.state <> 'waiting' then g.now end, cast(g.now + g.delay * 1000000 as integer), g.topic, g.undo
from given g cross join holdfast_jobs j on j.tenant = g.tenant and j.id = g.id and j.token = g.token
where j.state = 'running' or j.state = 'suspended'
on conflict (tenant, id, version, branch, name, nth) do update set
    place = excluded.place, kind = excluded.kind, state = excluded.state, mark = excluded.mark,
    result = excluded.result, error = excluded.error, attempt = excluded.attempt, tries = excluded.tries,
    token = excluded.token, ended_at = excluded.ended_at, due = excluded.due, topic = excluded.topic,
    undo = excluded.undo,
    began_at = case when state = 'waiting' then began_at else excluded.began_at end
