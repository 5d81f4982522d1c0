-- Offers the next jobs of locked gates without a spacing, in whose line there is nothing odd (nothing can have come since
-- that was looked at): as many as there is room for. Answers the gates that need a long look as well: with a job in line
-- that is not there, or one that is better than who has a place.
-- The states are asked for by way of `walk`: a condition on jobs alone lets the planner read all of them into a filter.
--: rows tenant, gate, size
update holdfast_jobs set state = 'ready', reason = null, updated_at = fresh.now
from (
    with recursive given as (:rows tenant, gate, size, now),
    --> gate_walk
    select tenant, id, now, case when room > 0 then 'blocked' end as state from walk
) as fresh
where holdfast_jobs.tenant = fresh.tenant and holdfast_jobs.id = fresh.id and holdfast_jobs.state = fresh.state;
update holdfast_gate_jobs set held = 1
from (
    with recursive given as (:rows tenant, gate, size, now),
    --> gate_walk
    select k.tenant, k.id, k.gate
    from walk k cross join holdfast_jobs j on j.tenant = k.tenant and j.id = k.id
        and j.state = case when k.room > 0 then 'ready' end
) as fresh
where holdfast_gate_jobs.tenant = fresh.tenant and holdfast_gate_jobs.id = fresh.id
    and holdfast_gate_jobs.gate = fresh.gate;
with given as (:rows tenant, gate, size, ord)
select g.ord from given g
where (select rank from holdfast_gate_jobs indexed by holdfast_gate_jobs_line
        where tenant = g.tenant and gate = g.gate and not held order by rank, due, seq limit 1)
    < (select case when coalesce(sum(weight), 0) < g.size then 9e18 else max(rank) end
        from holdfast_gate_jobs indexed by holdfast_gate_jobs_held
        where tenant = g.tenant and gate = g.gate and held)
