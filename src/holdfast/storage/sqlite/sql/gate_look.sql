-- What is in locked gates: `used` (the places taken, whether it is shut, for how many seconds a start still keeps it so),
-- `offer` (ready jobs that nobody has claimed yet), `gone` (places of jobs that are not there), and `waits`: the head of
-- the line.
--: rows tenant, gate, spacing, batch
with seats as (
    select s.id, s.rank, s.due, s.seq, s.weight, s.stop, j.state, j.queue, j.task, j.gates, j.updated_at, j.started_at
    from holdfast_gate_jobs s indexed by holdfast_gate_jobs_held
    left join holdfast_jobs j on j.tenant = s.tenant and j.id = s.id
    where s.tenant = :tenant and s.gate = :gate and s.held
)
select 'used', null, null, null, null,
    coalesce((select sum(weight) from seats where state is not null or stop), 0),
    case when exists (select 1 from seats where stop) then 'stop' end, null, null, null,
    max(0.0, coalesce((select max(due) - :now from holdfast_gate_notes
            where tenant = :tenant and gate = :gate and start and due > :now and :spacing is not null), 0) / 1000000.0,
        coalesce((select max(started_at - :now + :spacing * weight * 1000000) from seats where state = 'running'), 0)
            / 1000000.0), null
union all
select case when state is null then 'gone' else 'offer' end, id, rank, due, seq, weight, state, queue, task,
    gates, (:now - updated_at) / 1000000.0, null
from seats where (state is null and not stop) or state = 'ready'
union all
select 'waits', w.id, w.rank, w.due, w.seq, w.weight, j.state, j.queue, j.task, j.gates, null,
    (:now - w.passed_at) / 1000000.0
from (
    select tenant, id, rank, due, seq, weight, passed_at
    from holdfast_gate_jobs indexed by holdfast_gate_jobs_line
    where tenant = :tenant and gate = :gate and not held
    order by rank, due, seq limit :batch
) as w
left join holdfast_jobs j on j.tenant = w.tenant and j.id = w.id
