-- Jobs by state, live and finished, as far as the rows at hand: for tests, demos and small databases.
--: read one tenant
select state, count(*) from "holdfast".jobs
where :tenant::text is null or tenant = :tenant::text group by state
union all
select state, count(*) from "holdfast".history
where not stub and keep_until > coalesce(:now::timestamptz, statement_timestamp())
    and (:tenant::text is null or tenant = :tenant::text) group by state
