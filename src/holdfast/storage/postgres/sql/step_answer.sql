-- Pieces that wait have come to their ends by somebody else's doing; those that wait no more are left as they are.
--: rows tenant, id, version, branch, name, nth, state, result, error
update "holdfast".steps s
set state = a.state, result = a.result, error = a.error,
    ended_at = coalesce(:now::timestamptz, statement_timestamp())
from unnest(:tenant::text[], :id::uuid[], :version::int4[], :branch::text[], :name::text[], :nth::int4[],
        :state::text[], :result::text[], :error::text[])
    with ordinality as a (tenant, id, version, branch, name, nth, state, result, error, ord)
where s.tenant = a.tenant and s.id = a.id and s.version = a.version and s.branch = a.branch and s.name = a.name
    and s.nth = a.nth and s.state = 'waiting'
returning a.ord
