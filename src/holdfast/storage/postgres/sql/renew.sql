-- Renews leases. A row that does not come back is locked just now, or not ours any more.
-- Each row is looked up by itself and `state` is looked at afterwards; see finish.sql.
--: rows tenant, id, token, lease, elapsed
with held as materialized (
    select j.place, m.ord, m.lease, m.elapsed
    from unnest(:tenant::text[], :id::uuid[], :token::int8[], :lease::float8[], :elapsed::float8[])
        with ordinality as m (tenant, id, token, lease, elapsed, ord)
    cross join lateral (
        select ctid as place, state
        from "holdfast".jobs
        where tenant = m.tenant and id = m.id and token = m.token
        limit 1
        for update skip locked
    ) as j
    where j.state = 'running'
)
update "holdfast".jobs j
set lease_until = t.moment + h.lease * interval '1 second', updated_at = t.moment,
    started_at = coalesce(t.moment - h.elapsed * interval '1 second', j.started_at)
from held h
cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
where j.ctid = h.place
returning h.ord
