-- What bodies say of their progress, under their token.
--: rows tenant, id, token, progress
update "holdfast".jobs j
set progress = a.progress, updated_at = coalesce(:now::timestamptz, statement_timestamp())
from unnest(:tenant::text[], :id::uuid[], :token::int8[], :progress::text[])
    with ordinality as a (tenant, id, token, progress, ord)
where j.tenant = a.tenant and j.id = a.id and j.token = a.token and j.state = 'running'
returning a.ord
