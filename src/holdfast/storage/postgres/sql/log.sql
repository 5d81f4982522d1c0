-- Log lines of running bodies, under their token, and numbered: a line said again is there already. They go when the
-- job would at the latest.
-- The `offset 0` keeps the planner from making a join of it, which may walk the whole table.
--: rows tenant, id, token, line, attempt, ago, level, message, step, keep
insert into "holdfast".job_logs (tenant, id, token, line, attempt, at, level, message, step, keep_until)
select a.tenant, a.id, a.token, a.line, a.attempt, t.moment - a.ago * interval '1 second', a.level, a.message, a.step,
    t.moment + a.keep * interval '1 second'
from unnest(:tenant::text[], :id::uuid[], :token::int8[], :line::int4[], :attempt::int4[], :ago::float8[],
        :level::text[], :message::text[], :step::text[], :keep::float8[])
    with ordinality as a (tenant, id, token, line, attempt, ago, level, message, step, keep, ord)
cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
where exists (select from "holdfast".jobs j where j.tenant = a.tenant and j.id = a.id and j.token = a.token offset 0)
order by a.ord
on conflict do nothing
returning 1
