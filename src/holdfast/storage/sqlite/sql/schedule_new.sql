-- Stores new schedules. Answers those that were not there.
--: rows tenant, name, source, deployment, task, args, job, spec, anchor, next, due, paused
insert into holdfast_schedules (tenant, name, source, deployment, task, args, job, spec, anchor_at, next_at, due_at,
    paused, created_at, updated_at)
values (:tenant, :name, :source, :deployment, :task, :args, :job, :spec, :anchor, :next, :due, :paused, :now, :now)
on conflict (tenant, name) do nothing
