-- Writes how many live jobs were counted.
--: silent rows tenant, state, queue, task, count, due
insert into "holdfast".stats_live (tenant, state, queue, task, count, due)
select a.tenant, a.state, a.queue, a.task, a.count, timestamptz 'epoch' + a.due * interval '1 microsecond'
from unnest(:tenant::text[], :state::text[], :queue::text[], :task::text[], :count::int8[], :due::int8[])
    as a (tenant, state, queue, task, count, due)
