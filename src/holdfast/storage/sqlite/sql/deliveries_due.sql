-- What messages are to become jobs of these tasks, the oldest first.
--: read one tasks, batch
select d.tenant, d.message, d.task, d.pipe, m.value
from holdfast_deliveries d cross join holdfast_messages m on m.tenant = d.tenant and m.id = d.message
where d.task in (select value from json_each(:tasks)) and d.parked is null
order by d.task, d.seq
limit :batch
