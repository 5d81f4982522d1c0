-- Running jobs that began so long ago: those whose lease has run out, or all of them.
--: read one tenant, age, forced, batch
select tenant, id::text
from "holdfast".jobs
cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
where state = 'running' and (:forced::int4 <> 0 or lease_until < t.moment)
    and started_at <= t.moment - :age::float8 * interval '1 second'
    and (:tenant::text is null or tenant = :tenant::text)
order by lease_until
limit (select :batch::int4)
