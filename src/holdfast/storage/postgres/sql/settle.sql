-- Ends a stalled job by hand: its newest version in history takes the state and the result it is given.
--: rows tenant, id, version, state, reason, result
update "holdfast".history h
set state = a.state, reason = a.reason, result = a.result,
    updated_at = coalesce(:now::timestamptz, statement_timestamp())
from unnest(:tenant::text[], :id::uuid[], :version::int4[], :state::text[], :reason::text[], :result::text[])
    with ordinality as a (tenant, id, version, state, reason, result, ord)
where h.tenant = a.tenant and h.id = a.id and h.version = a.version and h.state = 'stalled'
returning a.ord
