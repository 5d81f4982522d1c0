-- Takes what messages are to become out, for whoever makes it in this very transaction: those that were still there.
--: rows tenant, message, task
delete from holdfast_deliveries where tenant = :tenant and message = :message and task = :task
