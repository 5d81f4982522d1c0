-- What has ended, counted: the leader reads history where it grew, and adds it up here. Nothing else writes it.

-- No row has fewer crashes. Only statements that say so can use this index, and so it draws no other one's plan to it.
create index history_finished on "holdfast".history (finished_at) where crashes >= 0;

-- How many jobs ended in a minute, hour or day (UTC), and how long they had waited and run: JSON of rounded microseconds
-- (two digits times a power of ten) and how many. See model/sketch.py.
create table "holdfast".stats (
    grain text not null check (grain in ('minute', 'hour', 'day')),
    at timestamptz not null,
    tenant text not null,
    queue text not null,
    task text not null,
    succeeded int8 not null default 0,
    failed int8 not null default 0,
    cancelled int8 not null default 0,
    stalled int8 not null default 0,
    failed_at timestamptz,
    waits text not null default '{}',
    runs text not null default '{}',
    primary key (grain, at, tenant, queue, task)
) with (fillfactor = 70);

-- How far history is counted: `pos` is an instant in microseconds. What ended before `candidate` was seen to be written
-- by `holders`; once these are gone it has settled, and nothing can come before it any more.
create table "holdfast".stats_marks (
    name text primary key check (name in ('ended', 'live', 'told')),
    pos int8 not null default 0,
    settled timestamptz,
    candidate timestamptz,
    holders text[] not null default '{}'
);

-- How many live jobs there are where they are too many to be counted by who asks; by a walk that ended at the mark `live`.
create table "holdfast".stats_live (
    tenant text not null,
    state text not null,
    queue text not null,
    task text not null,
    count int8 not null,
    due timestamptz not null,
    primary key (tenant, state, queue, task)
);
