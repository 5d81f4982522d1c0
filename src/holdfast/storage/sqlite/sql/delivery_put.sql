-- What messages are to become.
--: silent rows tenant, message_id, task, pipe, seq
insert into holdfast_deliveries (tenant, message, task, pipe, seq) values (:tenant, :message_id, :task, :pipe, :seq)
on conflict do nothing
