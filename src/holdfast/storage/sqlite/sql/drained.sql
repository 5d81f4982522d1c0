-- Which of these queues have run dry: nothing there is ready, runs, or waits for another run.
--: read one queues
select asked.value
from json_each(:queues) asked
where not exists (select 1 from holdfast_jobs where state = 'ready' and queue = asked.value)
    and not exists (select 1 from holdfast_jobs where state = 'running' and queue = asked.value)
    and not exists (
        select 1 from holdfast_jobs
        where state = 'scheduled' and (reason = 'retry' or reason = 'suspect') and queue = asked.value)
order by asked.value
