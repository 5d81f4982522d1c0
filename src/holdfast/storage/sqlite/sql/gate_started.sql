-- Before running jobs leave: how long their start keeps gates with a spacing shut.
--: silent rows tenant, id, token, gate, weight, elapsed
insert into holdfast_gate_notes (tenant, gate, due, start)
select j.tenant, :gate,
    cast(coalesce(:now - :elapsed * 1000000, j.started_at) + g.spacing * :weight * 1000000 as integer), 1
from holdfast_jobs j
join holdfast_gates g on g.tenant = :tenant and g.name = :gate
where j.tenant = :tenant and j.id = :id and j.token = :token and j.state = 'running'
    and coalesce(:now - :elapsed * 1000000, j.started_at) + g.spacing * :weight * 1000000 > :now
