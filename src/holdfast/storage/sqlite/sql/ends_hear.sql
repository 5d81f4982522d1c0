-- The ends of a task's jobs, in a state (null: in any), are messages of a pipe from now on.
--: silent rows pipe, task, ending
insert into holdfast_heard (pipe, task, state, since, seen_at) values (:pipe, :task, :ending, :now, :now)
on conflict (pipe) do update set seen_at = excluded.seen_at
