-- A page of the journals to be looked at, and whether their job is still there; the next look is in a day.
--: one batch
with due as materialized (
    select ctid as place from "holdfast".journals
    where look_at <= coalesce(:now::timestamptz, statement_timestamp())
    order by look_at
    limit (select :batch::int4)
    for update skip locked
), looked as (
    update "holdfast".journals set look_at = coalesce(:now::timestamptz, statement_timestamp()) + interval '1 day'
    where ctid = any (array (select place from due))
    returning tenant, id, version
)
select l.tenant, l.id::text, l.version,
    exists (select from "holdfast".jobs j where j.tenant = l.tenant and j.id = l.id offset 0)
    or exists (select from "holdfast".history h where h.tenant = l.tenant and h.id = l.id and h.version = l.version
        and h.keep_until > coalesce(:now::timestamptz, statement_timestamp()) offset 0)
from looked l
