-- These waits are over; with which message, if with one.
--: silent rows tenant, id, version, branch, name, nth, message_id
update holdfast_asks set message = :message_id, taken_at = :now, fresh = 0
where tenant = :tenant and id = :id and version = :version and branch = :branch and name = :name and nth = :nth
