-- A worker that stopped in order leaves the list.
--: one boot
delete from "holdfast".workers where boot = :boot::text returning 1
