-- A worker that stopped in order leaves the list.
--: one boot
delete from holdfast_workers where boot = :boot returning 1
