-- A page of all gates, in order: of each whether anybody waits there. For the slow look at everything, which finds what
-- was changed by hand.
--: read one tenant, gate, batch
select g.tenant, g.name, exists (
        select from "holdfast".gate_jobs w where w.tenant = g.tenant and w.gate = g.name and not w.held offset 0)
from "holdfast".gates g
where (g.tenant, g.name) > (:tenant::text, :gate::text)
order by g.tenant, g.name
limit (select :batch::int4)
