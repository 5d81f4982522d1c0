-- Pipes that trigger a task no more.
--: silent rows pipe, task
delete from holdfast_triggers where pipe = :pipe and task = :task
