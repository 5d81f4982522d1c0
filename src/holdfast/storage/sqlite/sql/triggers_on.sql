-- The pipes that trigger these tasks.
--: read one tasks
select pipe, task from holdfast_triggers where task in (select value from json_each(:tasks)) order by pipe, task
