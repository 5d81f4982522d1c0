-- Asks for a look at gates that could not be had just now.
--: silent rows tenant, gate, delay
insert into "holdfast".gate_notes (tenant, gate, due)
select a.tenant, a.gate, coalesce(:now::timestamptz, statement_timestamp()) + a.delay * interval '1 second'
from unnest(:tenant::text[], :gate::text[], :delay::float8[]) as a (tenant, gate, delay)
