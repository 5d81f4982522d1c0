-- Notes on versions that ended just now which job came in their place. Each row is looked up by itself; see finish.sql.
--: rows tenant, id, version, successor
with held as materialized (
    select f.part, f.place, a.successor, a.ord
    from unnest(:tenant::text[], :id::uuid[], :version::int4[], :successor::text[])
        with ordinality as a (tenant, id, version, successor, ord)
    cross join lateral (
        select tableoid as part, ctid as place from "holdfast".history
        where tenant = a.tenant and id = a.id and version = a.version
        limit 1
    ) as f
)
update "holdfast".history h
set superseded_by = a.successor
from held a
where h.tableoid = a.part and h.ctid = a.place
returning a.ord
