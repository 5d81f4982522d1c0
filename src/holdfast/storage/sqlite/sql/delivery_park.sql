-- What nobody could make is set aside, and why.
--: silent rows tenant, message_id, task, reason
update holdfast_deliveries set parked = :reason where tenant = :tenant and message = :message_id and task = :task
