-- What nobody could make is set aside, and why.
--: silent rows tenant, message_id, task, reason
update "holdfast".deliveries d set parked = g.reason
from unnest(:tenant::text[], :message_id::uuid[], :task::text[], :reason::text[]) as g (tenant, message, task, reason)
where d.tenant = g.tenant and d.message = g.message and d.task = g.task
