-- The instant of this transaction.
--: read one
select :now
