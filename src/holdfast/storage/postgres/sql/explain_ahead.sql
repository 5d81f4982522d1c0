-- How many jobs of its queue and tenant are taken before a ready one, as far as so many show.
--: read one tenant, id, batch
select (select count(*) from (
    select 1 from "holdfast".jobs j
    where j.state = 'ready' and j.queue <> '' and j.queue = me.queue and j.tenant = me.tenant
        and ((-j.priority::int8), j.tenant, j.due, j.seq) < ((-me.priority::int8), me.tenant, me.due, me.seq)
    order by j.queue, (-j.priority::int8), j.tenant, j.due, j.seq limit (select :batch::int4)) as before)
from "holdfast".jobs me where me.tenant = :tenant::text and me.id = :id::uuid
