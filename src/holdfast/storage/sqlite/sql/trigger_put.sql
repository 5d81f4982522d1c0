-- A worker knows these tasks that pipes trigger.
--: silent rows pipe, task
insert into holdfast_triggers (pipe, task, seen_at) values (:pipe, :task, :now)
on conflict (pipe, task) do update set seen_at = excluded.seen_at
