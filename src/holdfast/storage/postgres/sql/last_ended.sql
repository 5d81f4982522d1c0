-- The version of each job that ended last, until its time is over, also where a newer one is live.
--: read rows tenant, id
select a.ord, f.*
from unnest(:tenant::text[], :id::uuid[]) with ordinality as a (tenant, id, ord)
cross join lateral (
    select tenant, id::text, version, seq, task, queue, state, reason, priority, due, args, result, key, group_key,
        tags, metadata, attempt, max_attempts, crashes, timeout, policy, errors, progress, schedule_id, worker,
        created_at, started_at, finished_at, updated_at, stub, token
    from "holdfast".history h
    where h.tenant = a.tenant and h.id = a.id and h.keep_until > coalesce(:now::timestamptz, statement_timestamp())
    order by h.tenant desc, h.id desc, h.version desc
    limit 1
) as f
