-- Schedules of tasks that are called otherwise by now go on under the new name.
--: rows tenant, name, former
update holdfast_schedules set name = :name where tenant = :tenant and name = :former
