-- Takes marks for new jobs where nobody has them, and says who has each: until the transaction ends, nobody else writes
-- it. With what is noted there, and for how many seconds.
--: rows tenant, name, kind, id, input, ttl
with asked as materialized (
    select n.*, coalesce(:now::timestamptz, statement_timestamp()) as moment
    from unnest(:tenant::text[], :name::text[], :kind::text[], :id::uuid[], :input::text[], :ttl::float8[])
        with ordinality as n (tenant, name, kind, id, input, ttl, ord)
), taken as (
    insert into "holdfast".marks as m (tenant, kind, name, id, input, since, keep_until)
    select tenant, kind, name, id, input, moment, moment + ttl * interval '1 second' from asked
    order by tenant, kind, name
    on conflict (tenant, kind, name) do update set keep_until = greatest(m.keep_until, excluded.keep_until)
    returning tenant, kind, name, id, input, since
)
select a.ord, t.id::text, t.input, extract(epoch from a.moment - t.since)::float8
from asked a join taken t on t.tenant = a.tenant and t.kind = a.kind and t.name = a.name
