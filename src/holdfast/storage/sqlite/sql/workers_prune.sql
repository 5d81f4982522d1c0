-- Workers that have not been seen for an hour beyond their lease leave the list.
--: one batch
delete from holdfast_workers
where boot in (select boot from holdfast_workers where expires_at < :now - 3600000000 limit :batch)
returning 1
