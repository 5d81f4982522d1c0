-- Jobs that have a place in a gate, those first that keep it shut: which worker runs them, or what became of them.
--: read one tenant, gate
select h.id::text, h.stop, j.state, j.worker
from (
    select tenant, id, stop from "holdfast".gate_jobs
    where tenant = :tenant::text and gate = :gate::text and held
    order by tenant, gate, id limit 1000) as h
left join "holdfast".jobs j on j.tenant = h.tenant and j.id = h.id
order by h.stop desc, h.id limit 5
