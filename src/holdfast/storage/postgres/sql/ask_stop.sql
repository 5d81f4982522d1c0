-- Asks running jobs to stop: their workers look for it once a second.
--: rows tenant, id, token, reason
update "holdfast".jobs j
set stop_reason = a.reason, updated_at = coalesce(:now::timestamptz, statement_timestamp())
from unnest(:tenant::text[], :id::uuid[], :token::int8[], :reason::text[])
    with ordinality as a (tenant, id, token, reason, ord)
where j.tenant = a.tenant and j.id = a.id and j.token = a.token
returning a.ord
