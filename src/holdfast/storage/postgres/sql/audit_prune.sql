-- Forgets what was done longer ago than this, a page at a time.
--: one age, batch
with old as materialized (
    select ctid as place from "holdfast".audit
    where at < coalesce(:now::timestamptz, statement_timestamp()) - :age::float8 * interval '1 second'
    order by at
    limit (select :batch::int4)
    for update skip locked
)
delete from "holdfast".audit a using old o where a.ctid = o.place
returning 1
