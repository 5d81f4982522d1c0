-- What messages are to become.
--: silent rows tenant, message_id, task, pipe, seq
insert into "holdfast".deliveries (tenant, message, task, pipe, seq)
select * from unnest(:tenant::text[], :message_id::uuid[], :task::text[], :pipe::text[], :seq::int8[])
on conflict do nothing
