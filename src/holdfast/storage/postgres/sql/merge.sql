-- Merged arguments take the place of those of a job that waits; everything else stays. Only where version and arguments
-- still are what was seen. Leaves a mark, by which the request finds out what it came to.
--: rows tenant, id, version, request, args, seen
with held as materialized (
    select j.place, n.*, t.moment
    from unnest(:tenant::text[], :id::uuid[], :version::int4[], :request::text[], :args::text[], :seen::text[])
        with ordinality as n (tenant, id, version, request, args, seen, ord)
    cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
    cross join lateral (
        select ctid as place, state, args, policy from "holdfast".jobs
        where tenant = n.tenant and id = n.id and version = n.version
        limit 1
        for update
    ) as j
    where j.state <> 'running' and j.args = n.seen
        and (strpos(j.policy, '"undo":"') = 0 or strpos(j.policy, '"undo":""') > 0)
), written as (
    update "holdfast".jobs j
    set args = h.args, updated_at = h.moment
    from held h
    where j.ctid = h.place
    returning h.ord, j.tenant, j.id, j.version, h.request, h.moment
), noted as (
    insert into "holdfast".marks (tenant, kind, name, id, version, since, keep_until)
    select tenant, 'request', request, id, version, moment, moment + interval '1 hour' from written
)
select ord, version from written
