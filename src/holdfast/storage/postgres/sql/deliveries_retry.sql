-- What was set aside of a pipe is tried again.
--: one tenant, pipe
update "holdfast".deliveries set parked = null
where tenant = :tenant::text and pipe = :pipe::text and parked is not null
returning 1
