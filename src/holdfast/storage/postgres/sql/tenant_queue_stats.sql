-- How many jobs of a queue one tenant has, by state, as far as so many of its live and of its newest finished jobs show,
-- and whether these are all.
--: read one tenant, queue, batch
with live as materialized (
    select queue, state from "holdfast".jobs where tenant = :tenant::text order by tenant, id
    limit (select :batch::int4 + 1)
), ended as materialized (
    select queue, state, not stub and keep_until > coalesce(:now::timestamptz, statement_timestamp()) as kept
    from "holdfast".history where tenant = :tenant::text order by tenant desc, id desc limit (select :batch::int4 + 1)
)
select kind.state, count(*) filter (where l.queue = :queue::text and l.state = kind.state), count(*) <= :batch::int4
from (values ('scheduled'), ('blocked'), ('ready'), ('running'), ('suspended')) as kind (state)
left join live l on true
group by kind.state
union all
select kind.state, count(*) filter (where e.queue = :queue::text and e.kept and e.state = kind.state),
    count(*) <= :batch::int4
from (values ('succeeded'), ('failed'), ('cancelled'), ('stalled')) as kind (state)
left join ended e on true
group by kind.state
