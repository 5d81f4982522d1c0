-- Gives marks that this transaction has taken to other jobs. Each row is looked up by itself; see finish.sql.
--: rows tenant, name, kind, id, input, age, ttl
with held as materialized (
    select n.*, m.place
    from unnest(:tenant::text[], :name::text[], :kind::text[], :id::uuid[], :input::text[], :age::float8[],
            :ttl::float8[])
        with ordinality as n (tenant, name, kind, id, input, age, ttl, ord)
    cross join lateral (
        select ctid as place from "holdfast".marks
        where tenant = n.tenant and kind = n.kind and name = n.name
        limit 1
    ) as m
)
update "holdfast".marks m
set id = h.id, input = h.input, since = t.moment - h.age * interval '1 second',
    keep_until = t.moment + h.ttl * interval '1 second'
from held h
cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
where m.ctid = h.place
returning h.ord
