-- Lets one in where the last one came long enough ago, and notes it; for the others, in how many seconds the next may.
-- A request that was let in before is let in again.
--: rows tenant, name, id, per
with asked as materialized (
    select n.*, coalesce(:now::timestamptz, statement_timestamp()) as moment
    from unnest(:tenant::text[], :name::text[], :id::uuid[], :per::float8[])
        with ordinality as n (tenant, name, id, per, ord)
), passed as (
    insert into "holdfast".marks as m (tenant, kind, name, id, since, keep_until)
    select tenant, 'rate', name, id, moment, moment + per * interval '1 second' from asked
    order by tenant, name
    on conflict (tenant, kind, name) do update
        set id = excluded.id, since = excluded.since, keep_until = excluded.keep_until
        where m.id = excluded.id or m.since + (excluded.keep_until - excluded.since) <= excluded.since
    returning tenant, name
)
select a.ord, case when p.name is not null then 0.0 else greatest(coalesce(
    (select a.per - extract(epoch from a.moment - m.since)::float8 from "holdfast".marks m
        where m.tenant = a.tenant and m.kind = 'rate' and m.name = a.name), a.per), 0.000001) end
from asked a left join passed p on p.tenant = a.tenant and p.name = a.name
