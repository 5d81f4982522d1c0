-- Notes that instants of schedules get their job. Answers those that had none: only they may be enqueued.
-- `nth` is 0 for the rule's own instants.
--: rows tenant, name, instant, nth, id, timed
insert into holdfast_schedule_runs (tenant, name, instant, nth, id, timed, fired_at)
values (:tenant, :name, :instant, :nth, :id, :timed, :now)
on conflict (tenant, name, instant, nth) do nothing
