-- Jobs are over that have done what is to be undone: they live on until it is. `undo` says how they will have ended. What
-- waits for its gates, or was offered, stays as it is; all others answer true, and are to be woken.
--: rows tenant, id, token, undo, error, elapsed, crashed
with held as materialized (
    select j.place, j.stays, b.ord, b.undo, b.error, b.elapsed, b.crashed
    from unnest(:tenant::text[], :id::uuid[], :token::int8[], :undo::text[], :error::text[], :elapsed::float8[],
            :crashed::int4[])
        with ordinality as b (tenant, id, token, undo, error, elapsed, crashed, ord)
    cross join lateral (
        select ctid as place, state = 'ready' or (state = 'blocked' and reason <> 'nondeterminism') as stays
        from "holdfast".jobs
        where tenant = b.tenant and id = b.id and token = b.token and watched and strpos(policy, '"undo":""') > 0
        limit 1
        for update skip locked
    ) as j
)
update "holdfast".jobs j
set policy = replace(j.policy, '"undo":""', '"undo":"' || h.undo || '"'),
    state = case when h.stays then j.state else 'suspended' end,
    reason = case when h.stays then j.reason else 'undo' end, due = least(j.due, t.moment),
    attempt = greatest(j.attempt - case when j.state = 'running' or j.reason = 'retry' then 1 else 0 end, 0),
    crashes = j.crashes + h.crashed,
    started_at = coalesce(t.moment - h.elapsed * interval '1 second', j.started_at),
    errors = case when h.error is null then j.errors
        else coalesce(left(nullif(j.errors, '[]'), -1) || ',', '[') || '{"at":'
            || (extract(epoch from t.moment) * 1000000)::int8 || ',' || substr(h.error, 2) || ']' end,
    stop_reason = null, expires_at = null, deadline_at = null,
    worker = null, claim_id = null, lease_until = null, updated_at = t.moment
from held h
cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
where j.ctid = h.place
returning h.ord, not h.stays
