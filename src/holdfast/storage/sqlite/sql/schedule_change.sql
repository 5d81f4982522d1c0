-- Writes schedules anew that are there; what they have done so far stays.
--: rows tenant, name, source, deployment, task, args, job, spec, anchor, next, due, paused, parked
update holdfast_schedules
set source = :source, deployment = :deployment, task = :task, args = :args, job = :job, spec = :spec,
    anchor_at = :anchor, next_at = :next, due_at = :due, paused = :paused, parked = :parked, updated_at = :now
where tenant = :tenant and name = :name
