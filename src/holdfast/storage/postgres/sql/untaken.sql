-- Whether there are messages of these pipes that no task was given.
--: read one pipes
select exists (
    select from unnest(:pipes::text[]) as p (pipe)
    cross join lateral (
        select from "holdfast".messages where pipe = p.pipe and taken = 0 order by pipe, seq limit 1) as m)
