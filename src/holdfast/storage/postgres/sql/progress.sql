-- What bodies say of their progress, under their token. A row that is locked just now keeps what it has.
--: rows tenant, id, token, progress
with held as materialized (
    select j.place, a.progress, a.ord
    from unnest(:tenant::text[], :id::uuid[], :token::int8[], :progress::text[])
        with ordinality as a (tenant, id, token, progress, ord)
    cross join lateral (
        select ctid as place, state
        from "holdfast".jobs
        where tenant = a.tenant and id = a.id and token = a.token
        limit 1
        for update skip locked
    ) as j
    where j.state = 'running'
)
update "holdfast".jobs j
set progress = h.progress, updated_at = coalesce(:now::timestamptz, statement_timestamp())
from held h
where j.ctid = h.place
returning h.ord
