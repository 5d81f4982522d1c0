-- Lets one in where the last one came long enough ago, and notes it; for the others, in how many seconds the next may.
-- A request that was let in before is let in again.
--: rows tenant, name, id, per
select max(:per - (:now - since) / 1000000.0, 0.000001) from holdfast_marks
where tenant = :tenant and kind = 'rate' and name = :name;
insert into holdfast_marks as m (tenant, kind, name, id, since, keep_until)
values (:tenant, 'rate', :name, :id, :now, cast(:now + :per * 1000000 as integer))
on conflict (tenant, kind, name) do update
    set id = excluded.id, since = excluded.since, keep_until = excluded.keep_until
    where m.id = excluded.id or m.since + (excluded.keep_until - excluded.since) <= excluded.since
returning 0.0
