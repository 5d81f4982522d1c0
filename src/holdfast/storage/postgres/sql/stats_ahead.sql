-- How far history is counted, the instant, and the place of the row that so many rows that are not counted yet lie before;
-- null where there are fewer.
--: read one batch
select m.pos, (extract(epoch from t.moment) * 1000000)::int8, h.finished
from (select coalesce((select pos from "holdfast".stats_marks where name = 'ended'), 0) as pos) as m
cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
left join lateral (
    select (extract(epoch from finished_at) * 1000000)::int8 as finished from "holdfast".history
    where crashes >= 0 and finished_at > timestamptz 'epoch' + m.pos * interval '1 microsecond'
    order by finished_at offset (select :batch::int4) limit 1
) as h on true
