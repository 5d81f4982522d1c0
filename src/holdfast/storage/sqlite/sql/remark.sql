-- Gives marks that this transaction has taken to other jobs.
--: rows tenant, name, kind, id, input, age, ttl
update holdfast_marks
set id = :id, input = :input, since = cast(:now - :age * 1000000 as integer),
    keep_until = cast(:now + :ttl * 1000000 as integer)
where tenant = :tenant and kind = :kind and name = :name
