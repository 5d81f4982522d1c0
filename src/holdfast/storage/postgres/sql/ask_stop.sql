-- Asks running jobs to stop: their workers look for it once a second. What waits on the row is given up with it, but
-- where the time of this version alone is over. Those that undo what they did are left alone.
-- Each row is looked up by itself; see finish.sql.
--: rows tenant, id, token, reason
with held as materialized (
    select j.place, a.reason, a.ord
    from unnest(:tenant::text[], :id::uuid[], :token::int8[], :reason::text[])
        with ordinality as a (tenant, id, token, reason, ord)
    cross join lateral (
        select ctid as place from "holdfast".jobs
        where tenant = a.tenant and id = a.id and token = a.token
            and (strpos(policy, '"undo":"') = 0 or strpos(policy, '"undo":""') > 0)
        limit 1
        for update skip locked
    ) as j
)
update "holdfast".jobs j
set stop_reason = h.reason, pending = case when h.reason = 'deadline' then j.pending end,
    updated_at = coalesce(:now::timestamptz, statement_timestamp())
from held h
where j.ctid = h.place
returning h.ord
