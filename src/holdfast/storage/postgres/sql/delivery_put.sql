-- What messages are to become.
--: silent rows tenant, message, task, pipe, seq
insert into "holdfast".deliveries (tenant, message, task, pipe, seq)
select * from unnest(:tenant::text[], :message::uuid[], :task::text[], :pipe::text[], :seq::int8[])
on conflict do nothing
