-- What was set aside of these tasks is tried again.
--: one tasks
update "holdfast".deliveries set parked = null
where task = any (:tasks::text[]) and parked is not null
returning 1
