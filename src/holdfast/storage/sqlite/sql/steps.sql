-- All pieces that a job's version has recorded, and of those that wait how many seconds are left.
--: read one tenant, id, version
select branch, name, nth, place, kind, state, mark, result, error, attempt, tries, began_at, ended_at, due, topic, undo,
    case when state = 'waiting' then (due - :now) / 1000000.0 end
from holdfast_steps
where tenant = :tenant and id = :id and version = :version
order by branch, place
