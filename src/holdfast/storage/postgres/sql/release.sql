-- Jobs have nothing to wait for any more: due at once or later, or to stand before their gates, of which each answers
-- true.
--: rows tenant, id
with held as materialized (
    select j.place, a.ord, coalesce(:now::timestamptz, statement_timestamp()) as moment
    from unnest(:tenant::text[], :id::uuid[]) with ordinality as a (tenant, id, ord)
    cross join lateral (
        select ctid as place, state, reason from "holdfast".jobs where tenant = a.tenant and id = a.id
        limit 1
        for update skip locked
    ) as j
    where j.state = 'blocked' and j.reason = 'dependency'
)
update "holdfast".jobs j
set state = case when j.due > h.moment then 'scheduled' when j.gates is null then 'ready' else 'blocked' end,
    reason = case when j.due <= h.moment and j.gates is not null then 'gate_entry' end, updated_at = h.moment
from held h
where j.ctid = h.place
returning h.ord, j.gates is not null
