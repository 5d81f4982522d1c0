-- Parked jobs may go on, or come to their gates; each answers whether it has some.
--: rows tenant, id
with asked as materialized (
    select j.place, a.ord
    from unnest(:tenant::text[], :id::uuid[]) with ordinality as a (tenant, id, ord)
    cross join lateral (
        select ctid as place, state, reason from "holdfast".jobs
        where tenant = a.tenant and id = a.id
        limit 1
        for update
    ) as j
    where j.state = 'blocked' and (j.reason = 'nondeterminism' or j.reason = 'undo')
)
update "holdfast".jobs j
set state = case when j.gates is null then 'ready' else 'blocked' end,
    reason = case when j.gates is not null then 'gate_entry' end,
    updated_at = coalesce(:now::timestamptz, statement_timestamp())
from asked a
where j.ctid = a.place
returning a.ord, j.gates is not null
