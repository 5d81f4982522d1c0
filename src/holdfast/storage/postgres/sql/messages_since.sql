-- The messages of a pipe from an instant on, the oldest first, a page from a cursor on.
--: read one tenant, pipe, since, last, batch
select id::text, value, seq, sent_at from "holdfast".messages
where tenant = :tenant::text and pipe = :pipe::text and seq > :last::int8
    and sent_at >= timestamptz 'epoch' + :since::int8 * interval '1 microsecond'
order by tenant, pipe, seq
limit (select :batch::int4)
