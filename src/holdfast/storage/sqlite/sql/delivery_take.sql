-- Takes what messages are to become out, for whoever makes it in this very transaction: those that were still there.
--: rows tenant, message_id, task
delete from holdfast_deliveries where tenant = :tenant and message = :message_id and task = :task
