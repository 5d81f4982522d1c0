-- The messages of a pipe from an instant on, the oldest first, a page from a cursor on.
--: read one tenant, pipe, since, last, batch
select id, value, seq, sent_at from holdfast_messages
where tenant = :tenant and pipe = :pipe and seq > :last and sent_at >= :since
order by seq
limit :batch
