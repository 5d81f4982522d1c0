-- Locks messages of which nobody has looked who waits for them, the oldest first.
--: one batch
select tenant, id, pipe, value, sent_at from holdfast_messages where fresh order by seq limit :batch
