-- The tasks that these pipes trigger.
--: read one pipes
select pipe, task from holdfast_triggers where pipe in (select value from json_each(:pipes)) order by pipe, task
