-- The instant of this transaction.
--: read one
select coalesce(:now::timestamptz, statement_timestamp())
