-- How many jobs of its queue and tenant are taken before a ready one, as far as so many show.
--: read one tenant, id, batch
select (select count(*) from (
    select 1 from holdfast_jobs j
    where j.state = 'ready' and j.queue <> '' and j.queue = me.queue and +j.tenant = me.tenant
        and ((-j.priority), j.tenant, j.due, j.seq) < ((-me.priority), me.tenant, me.due, me.seq)
    order by j.queue, (-j.priority), j.tenant, j.due, j.seq limit (select :batch)) as before)
from holdfast_jobs me where me.tenant = :tenant and me.id = :id
