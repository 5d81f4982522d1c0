-- Forgets which instants were fired long ago, a slice at a time.
--: one keep, batch
with gone as (
    delete from "holdfast".schedule_runs
    where ctid = any (array (
        select ctid from "holdfast".schedule_runs
        where fired_at < coalesce(:now::timestamptz, statement_timestamp()) - :keep::float8 * interval '1 second'
        order by fired_at
        limit (select :batch::int4)))
    returning 1
)
select count(*) from gone
