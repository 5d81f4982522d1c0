-- The ends of jobs are to be told from now on, where nobody has heard of any before.
--: silent one
insert into "holdfast".stats_marks (name, pos)
values ('told', (extract(epoch from coalesce(:now::timestamptz, statement_timestamp())) * 1000000)::int8 - 1000000)
on conflict (name) do update set pos = excluded.pos, settled = null, candidate = null, holders = '{}'
where not exists (select from "holdfast".heard)
