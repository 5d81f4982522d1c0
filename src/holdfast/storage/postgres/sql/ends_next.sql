-- From where on ends of jobs are to be told, and up to where they are by then; nothing where somebody else tells them. As
-- in stats_next.sql, instants count as told only once nothing can come before them any more; what is told until then is
-- looked at again.
--: one
with held as materialized (
    select coalesce(array_agg(distinct virtualtransaction), '{}') as who from pg_locks
    where locktype = 'relation' and relation = '"holdfast".history'::regclass and mode = 'RowExclusiveLock'
        and database = (select oid from pg_database where datname = current_database())
), mine as materialized (
    select m.pos, m.settled, m.candidate, h.who, t.moment,
        m.candidate is null or not m.holders && h.who or m.candidate < t.moment - interval '1 minute' as calm
    from "holdfast".stats_marks m cross join held h
    cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
    where m.name = 'told'
    for update of m skip locked
), noted as (
    update "holdfast".stats_marks s
    set settled = m.candidate, candidate = m.moment - interval '2 seconds', holders = m.who
    from mine m
    where s.name = 'told' and m.calm
)
select pos, coalesce((extract(epoch from case when calm then candidate else settled end) * 1000000)::int8, 0)
from mine
