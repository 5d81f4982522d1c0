-- Jobs wait for something that cannot come: a ring of jobs that wait for each other.
--: rows tenant, id
update holdfast_waits set failed = 1 where tenant = :tenant and id = :id and not batch
