-- Locks messages of these pipes that no task was given, a page at a time.
--: one pipes, batch
select tenant, id, pipe, seq
from holdfast_messages
where pipe in (select value from json_each(:pipes)) and taken = 0
order by pipe, seq
limit :batch
