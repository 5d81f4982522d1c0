-- Ends a stalled job by hand: its newest version in history takes the state and the result it is given.
-- Each row is looked up by itself; see finish.sql.
--: rows tenant, id, version, state, reason, result
with held as materialized (
    select f.part, f.place, a.state, a.reason, a.result, a.ord
    from unnest(:tenant::text[], :id::uuid[], :version::int4[], :state::text[], :reason::text[], :result::text[])
        with ordinality as a (tenant, id, version, state, reason, result, ord)
    cross join lateral (
        select tableoid as part, ctid as place from "holdfast".history
        where tenant = a.tenant and id = a.id and version = a.version and state = 'stalled'
        limit 1
        for update
    ) as f
)
update "holdfast".history h
set state = a.state, reason = a.reason, result = a.result,
    updated_at = coalesce(:now::timestamptz, statement_timestamp())
from held a
where h.tableoid = a.part and h.ctid = a.place
returning a.ord
