-- Forgets what was counted of long ago, a slice at a time.
--: rows grain, low, batch
with old as materialized (
    select s.place, a.ord
    from unnest(:grain::text[], :low::int8[], :batch::int4[]) with ordinality as a (grain, low, batch, ord)
    cross join lateral (
        select ctid as place from "holdfast".stats
        where grain = a.grain and at < timestamptz 'epoch' + a.low * interval '1 microsecond'
        order by grain, at, tenant, queue, task limit a.batch
    ) as s
)
delete from "holdfast".stats s using old o where s.ctid = o.place
returning o.ord
