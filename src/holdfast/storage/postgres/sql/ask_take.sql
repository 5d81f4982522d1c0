-- These waits are over; with which message, if with one.
--: silent rows tenant, id, version, branch, name, nth, message_id
update "holdfast".asks k set message = a.message, taken_at = coalesce(:now::timestamptz, statement_timestamp()), fresh = false
from unnest(:tenant::text[], :id::uuid[], :version::int4[], :branch::text[], :name::text[], :nth::int4[],
        :message_id::uuid[]) as a (tenant, id, version, branch, name, nth, message)
where k.tenant = a.tenant and k.id = a.id and k.version = a.version and k.branch = a.branch and k.name = a.name
    and k.nth = a.nth
