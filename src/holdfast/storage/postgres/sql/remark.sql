-- Gives marks that this transaction has taken to other jobs.
--: rows tenant, name, kind, id, input, age, ttl
update "holdfast".marks m
set id = n.id, input = n.input, since = t.moment - n.age * interval '1 second',
    keep_until = t.moment + n.ttl * interval '1 second'
from unnest(:tenant::text[], :name::text[], :kind::text[], :id::uuid[], :input::text[], :age::float8[], :ttl::float8[])
    with ordinality as n (tenant, name, kind, id, input, age, ttl, ord)
cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
where m.tenant = n.tenant and m.kind = n.kind and m.name = n.name
returning n.ord
