-- The pipes that trigger these tasks.
--: read one tasks
select pipe, task from "holdfast".triggers where task = any (:tasks::text[]) order by pipe, task
