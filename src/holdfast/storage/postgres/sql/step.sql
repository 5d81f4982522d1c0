-- Records pieces of running jobs, under their token. A newer word about a piece takes the older's place.
-- The job's row is locked, so that a claim which fences this write comes before it or after it, and never between.
--: rows tenant, id, token, version, branch, name, nth, place, kind, state, mark, result, error, attempt, tries, elapsed, delay, topic, undo
with given as materialized (
    select g.*, t.moment
    from unnest(:tenant::text[], :id::uuid[], :token::int8[], :version::int4[], :branch::text[], :name::text[],
            :nth::int4[], :place::int4[], :kind::text[], :state::text[], :mark::text[], :result::text[],
            :error::text[], :attempt::int4[], :tries::int4[], :elapsed::float8[], :delay::float8[], :topic::text[],
            :undo::text[])
        with ordinality as g (tenant, id, token, version, branch, name, nth, place, kind, state, mark, result,
            error, attempt, tries, elapsed, delay, topic, undo, ord)
    cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
    cross join lateral (
        select state from "holdfast".jobs
        where tenant = g.tenant and id = g.id and token = g.token
        limit 1
        for no key update skip locked
    ) as j
    where j.state in ('running', 'suspended')
), made as (
    insert into "holdfast".steps as s (tenant, id, version, branch, name, nth, place, kind, state, mark, result, error,
        attempt, tries, token, began_at, ended_at, due, topic, undo)
    select tenant, id, version, branch, name, nth, place, kind, state, mark, result, error, attempt, tries, token,
        moment - elapsed * interval '1 second', case when state <> 'waiting' then moment end,
        moment + delay * interval '1 second', topic, undo
    from given
    on conflict (tenant, id, version, branch, name, nth) do update set
        place = excluded.place, kind = excluded.kind, state = excluded.state, mark = excluded.mark,
        result = excluded.result, error = excluded.error, attempt = excluded.attempt, tries = excluded.tries,
        token = excluded.token, ended_at = excluded.ended_at, due = excluded.due, topic = excluded.topic,
        undo = excluded.undo,
        began_at = case when s.state = 'waiting' then s.began_at else excluded.began_at end
)
select ord from given
