-- Which of these queues have run dry: nothing there is ready, runs, or waits for another run.
--: read one queues
select asked.name
from unnest(:queues::text[]) as asked (name)
where not exists (select from "holdfast".jobs where state = 'ready' and queue <> '' and queue = asked.name offset 0)
    and not exists (select from "holdfast".jobs where state = 'running' and queue = asked.name offset 0)
    and not exists (
        select from "holdfast".jobs
        where state = 'scheduled' and reason in ('retry', 'suspect') and queue = asked.name offset 0)
order by asked.name
