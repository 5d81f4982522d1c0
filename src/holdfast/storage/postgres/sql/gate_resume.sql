-- Opens a gate again that a failure has shut.
--: one tenant, gate
delete from "holdfast".gate_jobs g
using (select ctid as place, stop from "holdfast".gate_jobs
    where tenant = :tenant::text and gate = :gate::text and held
    order by tenant, gate, id offset 0) as s
where g.ctid = s.place and s.stop
returning 1
