-- A page of gates by name, between two names.
--: read one tenant, after, until, batch
select name from "holdfast".gates where tenant = :tenant::text and name > :after::text and name < :until::text
order by tenant, name limit (select :batch::int4)
