-- Whether there are messages of these pipes that no task was given.
--: read one pipes
select exists (select 1 from holdfast_messages where pipe in (select value from json_each(:pipes)) and taken = 0)
