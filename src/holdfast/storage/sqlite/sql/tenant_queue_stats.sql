-- How many jobs of a queue one tenant has, by state, as far as so many of its live and of its newest finished jobs show,
-- and whether these are all.
--: read one tenant, queue, batch
with live as materialized (
    select queue, state from holdfast_jobs where tenant = :tenant order by tenant, id limit :batch + 1
), ended as materialized (
    select queue, state, not stub and keep_until > :now as kept from holdfast_history
    where tenant = :tenant order by tenant desc, id desc, version desc limit :batch + 1
)
select kind.column1, count(*) filter (where l.queue = :queue and l.state = kind.column1), count(*) <= :batch
from (values ('scheduled'), ('blocked'), ('ready'), ('running'), ('suspended')) as kind left join live l on true
group by kind.column1
union all
select kind.column1, count(*) filter (where e.queue = :queue and e.kept and e.state = kind.column1), count(*) <= :batch
from (values ('succeeded'), ('failed'), ('cancelled'), ('stalled')) as kind left join ended e on true
group by kind.column1
