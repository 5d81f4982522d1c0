-- A page of gates by name, between two names.
--: read one tenant, after, until, batch
select name from holdfast_gates where tenant = :tenant and name > :after and name < :until
order by tenant, name limit :batch
