-- Notes how far something is counted.
--: silent one name, pos
insert into "holdfast".stats_marks (name, pos) values (:name::text, :pos::int8)
on conflict (name) do update set pos = excluded.pos
