-- Asks for a look at gates that could not be had just now.
--: silent rows tenant, gate, delay
insert into holdfast_gate_notes (tenant, gate, due) values (:tenant, :gate, cast(:now + :delay * 1000000 as integer))
