-- Forgets marks past their time, a page at a time; that of an input stays for as long as its job is live or kept.
--: one batch
with old as materialized (
    select ctid as place, tenant, id, kind from "holdfast".marks
    where keep_until <= coalesce(:now::timestamptz, statement_timestamp())
    order by keep_until
    limit (select :batch::int4)
    for update skip locked
), judged as materialized (
    select o.place, t.moment, case when o.kind <> 'input' then null
        when exists (select from "holdfast".jobs j where j.tenant = o.tenant and j.id = o.id offset 0)
            then t.moment + interval '1 hour'
        else (select max(h.keep_until) from "holdfast".history h where h.tenant = o.tenant and h.id = o.id) end as until
    from old o
    cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
), kept as (
    update "holdfast".marks m set keep_until = j.until from judged j where m.ctid = j.place and j.until > j.moment
)
delete from "holdfast".marks m using judged j
where m.ctid = j.place and (j.until is null or j.until <= j.moment)
returning 1
