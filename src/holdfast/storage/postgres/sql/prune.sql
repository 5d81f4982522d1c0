-- Removes finished jobs past their time from the parts of history that are not dropped whole, a slice at a time.
--: one batch
with open as (
    delete from "holdfast".history_open
    where ctid = any (array (
        select ctid from "holdfast".history_open
        where attempt >= 0 and keep_until <= coalesce(:now::timestamptz, statement_timestamp()) limit :batch::int4))
    returning 1
), days as (
    delete from "holdfast".history_day_other
    where ctid = any (array (
        select ctid from "holdfast".history_day_other
        where attempt >= 0 and keep_until <= coalesce(:now::timestamptz, statement_timestamp()) limit :batch::int4))
    returning 1
), weeks as (
    delete from "holdfast".history_week_other
    where ctid = any (array (
        select ctid from "holdfast".history_week_other
        where attempt >= 0 and keep_until <= coalesce(:now::timestamptz, statement_timestamp()) limit :batch::int4))
    returning 1
), quarters as (
    delete from "holdfast".history_quarter_other
    where ctid = any (array (
        select ctid from "holdfast".history_quarter_other
        where attempt >= 0 and keep_until <= coalesce(:now::timestamptz, statement_timestamp()) limit :batch::int4))
    returning 1
), lines as (
    delete from "holdfast".job_logs
    where ctid = any (array (
        select ctid from "holdfast".job_logs
        where keep_until <= coalesce(:now::timestamptz, statement_timestamp()) limit :batch::int4))
)
select (select count(*) from open) + (select count(*) from days) + (select count(*) from weeks)
    + (select count(*) from quarters)
