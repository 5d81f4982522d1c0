-- Offers jobs: from the line they stand in they take its place and become ready. A job that somebody has locked is
-- left in line.
--: rows tenant, id
with found as materialized (
    select j.place, a.tenant, a.id, a.ord
    from unnest(:tenant::text[], :id::uuid[]) with ordinality as a (tenant, id, ord)
    cross join lateral (
        select ctid as place, state from "holdfast".jobs where tenant = a.tenant and id = a.id
        limit 1
        for update skip locked
    ) as j
    where j.state = 'blocked'
), seats as materialized (
    select s.place from found f
    cross join lateral (
        select ctid as place, held from "holdfast".gate_jobs where tenant = f.tenant and id = f.id
        order by tenant, id, gate offset 0) as s
    where not s.held
), seated as (
    update "holdfast".gate_jobs g set held = true, passed_at = null from seats s where g.ctid = s.place
)
update "holdfast".jobs j
set state = 'ready', reason = null, updated_at = coalesce(:now::timestamptz, statement_timestamp())
from found f
where j.ctid = f.place
returning f.ord
