-- Pieces that have come to their end.
--: read rows tenant, id, version, branch, name, nth
select a.ord
from unnest(:tenant::text[], :id::uuid[], :version::int4[], :branch::text[], :name::text[], :nth::int4[])
    with ordinality as a (tenant, id, version, branch, name, nth, ord)
join "holdfast".steps s on s.tenant = a.tenant and s.id = a.id and s.version = a.version and s.branch = a.branch
    and s.name = a.name and s.nth = a.nth
where s.state = 'done'
