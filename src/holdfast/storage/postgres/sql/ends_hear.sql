-- The ends of a task's jobs, in a state (null: in any), are messages of a pipe from now on.
--: silent rows pipe, task, ending
insert into "holdfast".heard (pipe, task, state, since, seen_at)
select distinct on (a.pipe) a.pipe, a.task, a.ending, t.moment, t.moment
from unnest(:pipe::text[], :task::text[], :ending::text[]) as a (pipe, task, ending)
cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
order by a.pipe
on conflict (pipe) do update set seen_at = excluded.seen_at
