-- Moves locked schedules on: what they wait for now, and what they have done.
--: rows tenant, name, next, due, last, fired, skipped, parked
update holdfast_schedules
set next_at = :next, due_at = :due, last_at = coalesce(:last, last_at), parked = :parked,
    fired = fired + :fired, skipped = skipped + :skipped, fired_at = case when :fired > 0 then :now else fired_at end
where tenant = :tenant and name = :name
