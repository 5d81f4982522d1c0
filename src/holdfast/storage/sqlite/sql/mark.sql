-- Takes marks for new jobs where nobody has them, and says who has each: until the transaction ends, nobody else writes
-- it. With what is noted there, and for how many seconds.
--: rows tenant, name, kind, id, input, ttl
insert into holdfast_marks (tenant, kind, name, id, input, since, keep_until)
values (:tenant, :kind, :name, :id, :input, :now, cast(:now + :ttl * 1000000 as integer))
on conflict (tenant, kind, name) do update set keep_until = max(keep_until, excluded.keep_until)
returning id, input, (:now - since) / 1000000.0
