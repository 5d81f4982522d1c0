-- How far history is counted, the instant, and the place of the row that so many rows that are not counted yet lie before;
-- null where there are fewer.
--: read one batch
select m.pos, :now, h.pos
from (select coalesce((select pos from holdfast_stats_marks where name = 'ended'), 0) as pos) as m
left join holdfast_history h
    on h.pos = (select pos from holdfast_history n where n.pos > m.pos order by n.pos limit 1 offset :batch)
