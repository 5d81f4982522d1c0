-- Takes or renews leadership: a lease whose term grows with every change of hands. Answers the term, if it is ours.
--: one role, boot, lease
insert into holdfast_leaders as l (role, boot, term, expires_at)
values (:role, :boot, 1, cast(:now + :lease * 1000000 as integer))
on conflict (role) do update
set boot = excluded.boot, expires_at = excluded.expires_at,
    term = l.term + case when l.boot = excluded.boot then 0 else 1 end
where l.boot = excluded.boot or l.expires_at < :now
returning term
