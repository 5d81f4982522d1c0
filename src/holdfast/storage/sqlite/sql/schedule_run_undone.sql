-- Runs that came to no job: their instants may have one later.
--: rows tenant, name, instant, nth
delete from holdfast_schedule_runs where tenant = :tenant and name = :name and instant = :instant and nth = :nth
