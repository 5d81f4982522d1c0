-- Locks messages of which nobody has looked who waits for them, the oldest first.
--: one batch
select tenant, id::text, pipe, value, sent_at from "holdfast".messages where fresh
order by seq
limit (select :batch::int4)
for update skip locked
