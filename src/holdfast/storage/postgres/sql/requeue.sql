-- Gives running jobs back: for another try, later, or to whoever can run them. Same guard as finish.sql, on running
-- jobs only: an attempt is counted once. An error history of over 256 KiB keeps its first 5 and its newest 45 entries.
--: rows tenant, id, token, state, reason, delay, error, elapsed, uncounted, crashed
with held as materialized (
    select j.place, b.ord, b.state, b.reason, b.delay, b.error, b.elapsed, b.uncounted, b.crashed
    from unnest(:tenant::text[], :id::uuid[], :token::int8[], :state::text[], :reason::text[],
            :delay::float8[], :error::text[], :elapsed::float8[], :uncounted::int4[], :crashed::int4[])
        with ordinality as b (tenant, id, token, state, reason, delay, error, elapsed, uncounted, crashed, ord)
    cross join lateral (
        select ctid as place, state
        from "holdfast".jobs
        where tenant = b.tenant and id = b.id and token = b.token
            and (pending is null or (strpos(policy, '"undo":"') > 0 and strpos(policy, '"undo":""') = 0))
        limit 1
        for update skip locked
    ) as j
    where j.state = 'running'
)
update "holdfast".jobs j
set state = h.state, reason = h.reason, attempt = j.attempt - h.uncounted, crashes = j.crashes + h.crashed,
    due = case when h.delay > 0 then t.moment + h.delay * interval '1 second' else j.due end,
    started_at = coalesce(t.moment - h.elapsed * interval '1 second', case when h.crashed > 0 then j.started_at end),
    errors = case when h.error is null then j.errors
        else coalesce(case when octet_length(j.errors) > 262144
            then (select '[' || string_agg(e.entry::text, ',' order by e.ord)
                from (select entry, ord, count(*) over () as most
                    from json_array_elements(j.errors::json) with ordinality as a (entry, ord)) as e
                where e.ord <= 5 or e.ord > e.most - 44)
            else left(nullif(j.errors, '[]'), -1) end || ',', '[') || '{"at":'
            || (extract(epoch from t.moment) * 1000000)::int8 || ',' || substr(h.error, 2) || ']' end,
    expires_at = case when h.uncounted = 0 or h.crashed > 0 or h.elapsed is not null then null else j.expires_at end,
    worker = null, claim_id = null, lease_until = null, updated_at = t.moment
from held h
cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
where j.ctid = h.place
returning h.ord
