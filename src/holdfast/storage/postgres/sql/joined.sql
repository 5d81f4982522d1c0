-- The job that answers an input: the live one, or one that ended not longer ago than `age` and succeeded (or failed,
-- where failures count).
--: read rows tenant, name, age, failures
select a.ord, f.id::text, f.version
from unnest(:tenant::text[], :name::text[], :age::float8[], :failures::int4[])
    with ordinality as a (tenant, name, age, failures, ord)
cross join lateral (
    select id from "holdfast".marks where tenant = a.tenant and kind = 'input' and name = a.name limit 1
) as m
cross join lateral (
    (select id, version from "holdfast".jobs where tenant = a.tenant and id = m.id limit 1)
    union all
    (select h.id, h.version from (
        select id, version, state, stub, finished_at from "holdfast".history
        where tenant = a.tenant and id = m.id
        order by tenant desc, id desc, version desc
        limit 1) as h
    where not h.stub and (h.state = 'succeeded' or (h.state = 'failed' and a.failures > 0))
        and h.finished_at + a.age * interval '1 second' > coalesce(:now::timestamptz, statement_timestamp()))
    limit 1
) as f
