-- Says whose jobs came first to gates that were made before any did, by hand.
--: silent rows tenant, gate, lane
update holdfast_gates set lane = :lane where tenant = :tenant and name = :gate and lane is null
