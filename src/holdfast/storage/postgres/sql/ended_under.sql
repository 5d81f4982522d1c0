-- The versions that ended under these tokens, until their time is over: a newer one of the same job may be live.
--: read rows tenant, id, token
select a.ord, f.*
from unnest(:tenant::text[], :id::uuid[], :token::int8[]) with ordinality as a (tenant, id, token, ord)
cross join lateral (
    select tenant, id::text, version, seq, task, queue, state, reason, priority, due, args, result, key, group_key,
        tags, metadata, attempt, max_attempts, crashes, timeout, policy, errors, progress, schedule_id, worker,
        created_at, started_at, finished_at, updated_at, stub, token
    from "holdfast".history h
    where h.tenant = a.tenant and h.id = a.id and h.token = a.token
        and h.keep_until > coalesce(:now::timestamptz, statement_timestamp())
    limit 1
) as f
