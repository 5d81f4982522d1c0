-- The tasks that these pipes trigger.
--: read one pipes
select pipe, task from "holdfast".triggers where pipe = any (:pipes::text[]) order by pipe, task
