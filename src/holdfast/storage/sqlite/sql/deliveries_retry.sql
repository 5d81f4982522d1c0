-- What was set aside of a pipe is tried again.
--: one tenant, pipe
update holdfast_deliveries set parked = null where tenant = :tenant and pipe = :pipe and parked is not null
returning 1
