-- A newer request waits on the row of the job that runs, or undoes what it did: its end makes it the next version. Only where nothing else
-- was put there since it was looked at. Leaves a mark, by which the request finds out what it came to.
--: rows tenant, id, version, request, pending, next, seen
with held as materialized (
    select j.place, n.*, t.moment
    from unnest(:tenant::text[], :id::uuid[], :version::int4[], :request::text[], :pending::text[], :next::int4[],
            :seen::text[])
        with ordinality as n (tenant, id, version, request, pending, next, seen, ord)
    cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
    cross join lateral (
        select ctid as place, state, pending, policy from "holdfast".jobs
        where tenant = n.tenant and id = n.id and version = n.version
        limit 1
        for update
    ) as j
    where j.pending is not distinct from n.seen and (j.state = 'running'
        or (strpos(j.policy, '"undo":"') > 0 and strpos(j.policy, '"undo":""') = 0))
), written as (
    update "holdfast".jobs j
    set pending = '{"at":' || (extract(epoch from h.moment) * 1000000)::int8 || ',' || substr(h.pending, 2),
        updated_at = h.moment
    from held h
    where j.ctid = h.place
    returning h.ord, j.tenant, j.id, h.next, h.request, h.moment
), noted as (
    insert into "holdfast".marks (tenant, kind, name, id, version, since, keep_until)
    select tenant, 'request', request, id, next, moment, moment + interval '1 hour' from written
)
select ord, next from written
