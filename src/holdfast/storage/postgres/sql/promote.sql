-- Scheduled jobs whose time has come become ready. Answers how many, and in how many seconds the next one is due.
--: one batch
with moved as (
    update "holdfast".jobs
    set state = 'ready', reason = null, updated_at = coalesce(:now::timestamptz, statement_timestamp())
    where ctid = any (array (
        select ctid from "holdfast".jobs
        where state = 'scheduled' and due <= coalesce(:now::timestamptz, statement_timestamp())
        order by due
        limit (select :batch::int4)
        for update skip locked
    ))
    returning 1
)
select (select count(*) from moved),
    (select extract(epoch from due - coalesce(:now::timestamptz, statement_timestamp()))::float8
        from "holdfast".jobs
        where state = 'scheduled' and due > coalesce(:now::timestamptz, statement_timestamp())
        order by due limit 1)
