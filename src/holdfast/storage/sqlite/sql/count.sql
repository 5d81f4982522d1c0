-- Jobs by state, live and finished, as far as the rows at hand: for tests, demos and small databases.
--: read one tenant
select state, count(*) from holdfast_jobs where :tenant is null or tenant = :tenant group by state
union all
select state, count(*) from holdfast_history
where not stub and keep_until > :now and (:tenant is null or tenant = :tenant) group by state
