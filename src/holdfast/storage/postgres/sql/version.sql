-- Versions of jobs that ended, until their time is over, and which job came in the place of each.
--: read rows tenant, id, version
select a.ord, f.*
from unnest(:tenant::text[], :id::uuid[], :version::int4[]) with ordinality as a (tenant, id, version, ord)
cross join lateral (
    select tenant, id::text, version, seq, task, queue, state, reason, priority, due, args, result, key, group_key,
        tags, metadata, attempt, max_attempts, crashes, timeout, policy, errors, progress, schedule_id, worker,
        created_at, started_at, finished_at, updated_at, stub, token, superseded_by
    from "holdfast".history h
    where h.tenant = a.tenant and h.id = a.id and h.version = a.version
        and h.keep_until > coalesce(:now::timestamptz, statement_timestamp())
    limit 1
) as f
