-- What was set aside of these tasks is tried again.
--: one tasks
update holdfast_deliveries set parked = null
where task in (select value from json_each(:tasks)) and parked is not null
returning 1
