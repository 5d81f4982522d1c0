-- All pieces that a job's version has recorded, and of those that wait how many seconds are left.
--: read one tenant, id, version
select branch, name, nth, place, kind, state, mark, result, error, attempt, tries, began_at, ended_at, due, topic, undo,
    case when state = 'waiting' then extract(epoch from due - coalesce(:now::timestamptz, statement_timestamp()))::float8 end
from "holdfast".steps
where tenant = :tenant::text and id = :id::uuid and version = :version::int4
order by branch, place
