-- The first piece of a job's version makes its journal.
-- The `offset 0` keeps the planner from making a join of it, which may walk the whole table.
--: silent rows tenant, id, token, version, code
insert into "holdfast".journals (tenant, id, version, code, look_at)
select g.tenant, g.id, g.version, g.code,
    coalesce(:now::timestamptz, statement_timestamp()) + interval '1 day'
from unnest(:tenant::text[], :id::uuid[], :token::int8[], :version::int4[], :code::text[])
    with ordinality as g (tenant, id, token, version, code, ord)
where exists (select from "holdfast".jobs j where j.tenant = g.tenant and j.id = g.id and j.token = g.token offset 0)
order by g.ord
on conflict do nothing
