-- Says of runs that another job than theirs answers for them: the one that has their key, or is given their input.
--: rows tenant, name, instant, nth, id
update holdfast_schedule_runs set id = :id
where tenant = :tenant and name = :name and instant = :instant and nth = :nth
