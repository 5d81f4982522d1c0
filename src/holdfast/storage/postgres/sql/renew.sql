-- Renews leases. A row that does not come back is locked just now, or not ours any more.
--: rows tenant, id, token, lease, elapsed
with mine as materialized (
    select * from unnest(:tenant::text[], :id::uuid[], :token::int8[], :lease::float8[], :elapsed::float8[])
        with ordinality as m (tenant, id, token, lease, elapsed, ord)
), held as materialized (
    select j.ctid as place, m.ord, m.lease, m.elapsed
    from mine m
    join "holdfast".jobs j on j.tenant = m.tenant and j.id = m.id and j.token = m.token
    where j.state = 'running'
    for update of j skip locked
)
update "holdfast".jobs j
set lease_until = t.moment + h.lease * interval '1 second', updated_at = t.moment,
    started_at = coalesce(j.started_at, t.moment - h.elapsed * interval '1 second')
from held h
cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
where j.ctid = h.place
returning h.ord
