-- Running jobs that began so long ago: those whose lease has run out, or all of them.
--: read one tenant, age, forced, batch
select tenant, id
from holdfast_jobs
where state = 'running' and (:forced or lease_until < :now) and started_at <= :now - :age * 1000000
    and (:tenant is null or tenant = :tenant)
order by lease_until
limit :batch
