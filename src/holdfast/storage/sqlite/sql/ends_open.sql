-- The ends of jobs are to be told from now on, where nobody has heard of any before.
--: silent one
insert into holdfast_stats_marks (name, pos) select 'told', coalesce((select max(pos) from holdfast_history), 0) where true
on conflict (name) do update set pos = excluded.pos where not exists (select 1 from holdfast_heard)
