-- Messages of before were looked through for these waits.
--: silent rows tenant, id, version, branch, name, nth
update "holdfast".asks k set fresh = false
from unnest(:tenant::text[], :id::uuid[], :version::int4[], :branch::text[], :name::text[], :nth::int4[])
    as a (tenant, id, version, branch, name, nth)
where k.tenant = a.tenant and k.id = a.id and k.version = a.version and k.branch = a.branch and k.name = a.name
    and k.nth = a.nth
