-- The next rows of history to be counted: from where, and up to where (null: not yet). Nothing where somebody else counts.
-- A transaction that wrote history and is still open would come too late, so its instants wait until it has ended, or a
-- minute. Whoever writes history holds this lock on it until his commit, and took it within a second or two of the
-- instant that he writes.
--: one batch
with held as materialized (
    select coalesce(array_agg(distinct virtualtransaction), '{}') as who from pg_locks
    where locktype = 'relation' and relation = '"holdfast".history'::regclass and mode = 'RowExclusiveLock'
        and database = (select oid from pg_database where datname = current_database())
), mine as materialized (
    select m.pos, m.settled, m.candidate, m.holders, h.who, t.moment,
        m.candidate is null or not m.holders && h.who or m.candidate < t.moment - interval '1 minute' as calm
    from "holdfast".stats_marks m cross join held h
    cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
    where m.name = 'ended'
    for update of m skip locked
), noted as (
    update "holdfast".stats_marks s
    set settled = m.candidate, candidate = m.moment - interval '2 seconds', holders = m.who
    from mine m
    where s.name = 'ended' and m.calm
), bounds as materialized (
    select pos, case when calm then candidate else settled end as settled from mine
)
select b.pos, (extract(epoch from coalesce((
        select finished_at from "holdfast".history
        where crashes >= 0 and finished_at <= b.settled
            and finished_at > timestamptz 'epoch' + b.pos * interval '1 microsecond'
        order by finished_at offset (select :batch::int4) limit 1), b.settled)) * 1000000)::int8
from bounds b
