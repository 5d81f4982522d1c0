-- Writes how many live jobs were counted.
--: silent rows tenant, state, queue, task, count, due
insert into holdfast_stats_live (tenant, state, queue, task, count, due)
values (:tenant, :state, :queue, :task, :count, :due)
