-- Removes every version of jobs from history, and what they said. Each row is looked up by itself; see finish.sql.
--: rows tenant, id
with asked as materialized (
    select * from unnest(:tenant::text[], :id::uuid[]) with ordinality as a (tenant, id, ord)
), said as materialized (
    select l.place from asked a
    cross join lateral (
        select ctid as place from "holdfast".job_logs where tenant = a.tenant and id = a.id offset 0
    ) as l
), lines as (
    delete from "holdfast".job_logs l using said where l.ctid = said.place
), found as materialized (
    select f.part, f.place, a.ord from asked a
    cross join lateral (
        select tableoid as part, ctid as place from "holdfast".history where tenant = a.tenant and id = a.id offset 0
    ) as f
)
delete from "holdfast".history h
using found f
where h.tableoid = f.part and h.ctid = f.place
returning f.ord
