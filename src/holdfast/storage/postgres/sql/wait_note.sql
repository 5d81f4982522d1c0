-- Says what a pass has to do.
--: silent rows tenant, id, what, state, count
insert into "holdfast".wait_notes (tenant, id, what, state, count)
select a.tenant, a.id, a.what, a.state, a.count
from unnest(:tenant::text[], :id::uuid[], :what::text[], :state::text[], :count::int4[])
    as a (tenant, id, what, state, count)
