-- So many jobs of a queue with a pace start now.
--: silent rows tenant, name, seconds
update holdfast_queues
set next_at = max(coalesce(next_at, 0), :now) + cast(:seconds * 1000000 as integer)
where tenant = :tenant and name = :name
