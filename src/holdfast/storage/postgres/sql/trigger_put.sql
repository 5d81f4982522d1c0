-- A worker knows these tasks that pipes trigger.
--: silent rows pipe, task
insert into "holdfast".triggers (pipe, task, seen_at)
select distinct g.pipe, g.task, coalesce(:now::timestamptz, statement_timestamp())
from unnest(:pipe::text[], :task::text[]) as g (pipe, task)
order by 1, 2
on conflict (pipe, task) do update set seen_at = excluded.seen_at
