-- How many jobs of a queue there are, by state, as far as so many rows of each state show, and whether these are all.
-- Only ready ones have an index by their queue. Of the finished the newest jobs are looked at.
--: read one queue, batch
with ended as materialized (
    select queue, state, not stub and keep_until > :now as kept from holdfast_history
    order by tenant desc, id desc, version desc limit :batch + 1
)
select 'ready', min(count(*), :batch), count(*) <= :batch from (
    select 1 from holdfast_jobs where state = 'ready' and queue = :queue limit :batch + 1)
union all
select 'running', count(*) filter (where queue = :queue), count(*) <= :batch from (
    select queue from holdfast_jobs where state = 'running' order by lease_until desc limit :batch + 1)
union all
select 'scheduled', count(*) filter (where queue = :queue), count(*) <= :batch from (
    select queue from holdfast_jobs where state = 'scheduled' order by due limit :batch + 1)
union all
select 'blocked', count(*) filter (where queue = :queue), count(*) <= :batch from (
    select queue from holdfast_jobs where state = 'blocked' and reason <> 'gate' order by reason, task limit :batch + 1)
union all
select 'blocked', count(*) filter (where queue = :queue), count(*) <= :batch from (
    select (select queue from holdfast_jobs where tenant = g.tenant and id = g.id) as queue
    from (select tenant, id from holdfast_gate_jobs where not held
        order by tenant, gate, rank, due, seq limit :batch + 1) as g)
union all
select kind.column1, count(*) filter (where e.queue = :queue and e.kept and e.state = kind.column1),
    count(*) <= :batch
from (values ('succeeded'), ('failed'), ('cancelled'), ('stalled')) as kind left join ended e on true
group by kind.column1
