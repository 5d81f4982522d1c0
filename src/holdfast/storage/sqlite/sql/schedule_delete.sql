-- Removes schedules. Their runs stay: no instant fires again because a schedule was there before.
--: rows tenant, name
delete from holdfast_schedules where tenant = :tenant and name = :name
