-- The next rows of history to be counted: from where, and up to where. There is one writer at a time, so rows come in the
-- order of their commits.
--: one batch
update holdfast_stats_marks set pos = coalesce((select max(pos) from holdfast_history), 0)
where name = 'ended' and pos > coalesce((select max(pos) from holdfast_history), 0);
select m.pos, coalesce((select pos from holdfast_history h where h.pos > m.pos order by h.pos limit 1 offset :batch),
    (select max(pos) from holdfast_history), 0)
from holdfast_stats_marks m
where m.name = 'ended'
