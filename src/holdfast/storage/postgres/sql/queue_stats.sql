-- How many jobs of a queue there are, by state, as far as so many rows of each state show, and whether these are all.
-- Only ready ones have an index by their queue. Of the finished the newest jobs are looked at.
--: read one queue, batch
with ready as (
    select 1 from "holdfast".jobs where state = 'ready' and queue <> '' and queue = :queue::text
    order by queue, (-priority::int8), due, seq limit (select :batch::int4 + 1)
), running as (
    select queue from "holdfast".jobs where state = 'running' order by lease_until desc limit (select :batch::int4 + 1)
), scheduled as (
    select queue from "holdfast".jobs where state = 'scheduled' order by due limit (select :batch::int4 + 1)
), waits as (
    select queue from "holdfast".jobs where state = 'blocked' and reason <> 'gate'
    order by reason, task limit (select :batch::int4 + 1)
), gated as (
    select (select queue from "holdfast".jobs where tenant = g.tenant and id = g.id) as queue
    from (select tenant, id from "holdfast".gate_jobs where not held
        order by tenant, gate, rank, due, seq limit (select :batch::int4 + 1)) as g
), ended as (
    select queue, state, not stub and keep_until > coalesce(:now::timestamptz, statement_timestamp()) as kept
    from "holdfast".history order by tenant desc, id desc limit (select :batch::int4 + 1)
)
select 'ready' as state, least(count(*), :batch::int4), count(*) <= :batch::int4 from ready
union all
select 'running', count(*) filter (where queue = :queue::text), count(*) <= :batch::int4 from running
union all
select 'scheduled', count(*) filter (where queue = :queue::text), count(*) <= :batch::int4 from scheduled
union all
select 'blocked', count(*) filter (where queue = :queue::text), count(*) <= :batch::int4 from waits
union all
select 'blocked', count(*) filter (where queue = :queue::text), count(*) <= :batch::int4 from gated
union all
select kind.state, count(*) filter (where e.queue = :queue::text and e.kept and e.state = kind.state),
    count(*) <= :batch::int4
from (values ('succeeded'), ('failed'), ('cancelled'), ('stalled')) as kind (state)
left join ended e on true
group by kind.state
