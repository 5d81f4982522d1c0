-- Opens a gate again that a failure has shut.
--: one tenant, gate
delete from "holdfast".gate_jobs g
using (select id from "holdfast".gate_jobs
    where tenant = :tenant::text and gate = :gate::text and held and stop offset 0) as s
where g.tenant = :tenant::text and g.id = s.id and g.gate = :gate::text and g.stop
returning 1
