-- Notes how far something is counted.
--: silent one name, pos
insert into holdfast_stats_marks (name, pos) values (:name, :pos)
on conflict (name) do update set pos = excluded.pos
