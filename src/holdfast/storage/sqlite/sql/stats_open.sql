-- Makes the notes of how far something is counted, where there are none.
--: silent one
insert into holdfast_stats_marks (name) values ('ended'), ('live') on conflict do nothing
