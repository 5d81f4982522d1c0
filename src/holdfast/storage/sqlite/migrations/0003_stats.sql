-- What has ended, counted: the leader reads history where it grew, and adds it up here. Nothing else writes it.

-- How many jobs ended in a minute, hour or day (UTC), and how long they had waited and run: JSON of rounded microseconds
-- (two digits times a power of ten) and how many. See model/sketch.py.
create table holdfast_stats (
    grain text not null check (grain in ('minute', 'hour', 'day')),
    at integer not null,
    tenant text not null,
    queue text not null,
    task text not null,
    succeeded integer not null default 0,
    failed integer not null default 0,
    cancelled integer not null default 0,
    stalled integer not null default 0,
    failed_at integer,
    waits text not null default '{}',
    runs text not null default '{}',
    primary key (grain, at, tenant, queue, task)
) without rowid;

-- How far history is counted: `pos` is the last row's. For live jobs, the instant of the last walk.
create table holdfast_stats_marks (
    name text primary key check (name in ('ended', 'live', 'told')),
    pos integer not null default 0
) without rowid;

-- A position that becomes free is given to the next row, which has to be counted.
create trigger holdfast_history_gone after delete on holdfast_history
when old.pos > coalesce((select max(pos) from holdfast_history), 0)
begin
    update holdfast_stats_marks set pos = coalesce((select max(pos) from holdfast_history), 0)
    where name in ('ended', 'told') and pos > coalesce((select max(pos) from holdfast_history), 0);
end;

-- How many live jobs there are where they are too many to be counted by who asks; by a walk that ended at the mark `live`.
create table holdfast_stats_live (
    tenant text not null,
    state text not null,
    queue text not null,
    task text not null,
    count integer not null,
    due integer not null,
    primary key (tenant, state, queue, task)
) without rowid;
