-- Pipes that trigger a task no more.
--: silent rows pipe, task
delete from "holdfast".triggers t
using unnest(:pipe::text[], :task::text[]) as g (pipe, task)
where t.pipe = g.pipe and t.task = g.task
