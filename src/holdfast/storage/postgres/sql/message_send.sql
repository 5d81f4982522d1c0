-- Stores messages of pipes. Answers those that are new: neither their id nor their key was there.
--: rows tenant, id, pipe, key, value, sender, keep, instant
with sent as (
    insert into "holdfast".messages (tenant, id, pipe, key, value, job, sent_at, keep_until)
    select n.tenant, n.id, n.pipe, n.key, n.value, n.job,
        coalesce(timestamptz 'epoch' + n.instant * interval '1 microsecond', t.moment), t.moment + n.keep * interval '1 second'
    from unnest(:tenant::text[], :id::uuid[], :pipe::text[], :key::text[], :value::text[], :sender::uuid[], :keep::float8[],
            :instant::int8[])
        with ordinality as n (tenant, id, pipe, key, value, job, keep, instant, ord)
    cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
    order by n.ord
    on conflict do nothing
    returning id
)
select n.ord
from unnest(:id::uuid[]) with ordinality as n (id, ord)
where exists (select from sent where sent.id = n.id)
order by n.ord
