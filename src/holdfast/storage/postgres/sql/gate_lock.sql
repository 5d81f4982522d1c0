-- Locks gates. One that another transaction has locked does not come back: nobody waits for a gate.
-- What is in it is asked by the next statement, for this one's view of it is from before the lock.
--: rows tenant, gate
select a.ord, g.size, g.spacing, g.edited, g.next_at is not null,
    g.updated_at < coalesce(:now::timestamptz, statement_timestamp()) - interval '1 hour',
    exists (select from "holdfast".gate_jobs o where o.tenant = a.tenant and o.gate = a.gate and o.odd)
from unnest(:tenant::text[], :gate::text[]) with ordinality as a (tenant, gate, ord)
cross join lateral (
    select size, spacing, edited, next_at, updated_at from "holdfast".gates
    where tenant = a.tenant and name = a.gate
    limit 1
    for no key update skip locked
) as g
