-- When gates are to be looked at again by themselves (delay: null for never).
--: silent rows tenant, gate, delay
update holdfast_gates set next_at = cast(:now + :delay * 1000000 as integer), updated_at = :now
where tenant = :tenant and name = :gate
