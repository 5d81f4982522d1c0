-- Stores messages of pipes. Answers those that are new: neither their id nor their key was there.
--: rows tenant, id, pipe, key, value, sender, keep
with sent as (
    insert into "holdfast".messages (tenant, id, pipe, key, value, job, sent_at, keep_until)
    select n.tenant, n.id, n.pipe, n.key, n.value, n.job, t.moment, t.moment + n.keep * interval '1 second'
    from unnest(:tenant::text[], :id::uuid[], :pipe::text[], :key::text[], :value::text[], :sender::uuid[], :keep::float8[])
        with ordinality as n (tenant, id, pipe, key, value, job, keep, ord)
    cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
    order by n.ord
    on conflict do nothing
    returning id
)
select n.ord
from unnest(:id::uuid[]) with ordinality as n (id, ord)
where exists (select from sent where sent.id = n.id)
order by n.ord
