-- The newest runs of a schedule that has another name by now; those it had under that name before stay.
--: rows tenant, name, former, newest
update or ignore holdfast_schedule_runs set name = :name
where rowid in (
    select rowid from holdfast_schedule_runs where tenant = :tenant and name = :former
    order by instant desc, nth desc
    limit :newest
)
