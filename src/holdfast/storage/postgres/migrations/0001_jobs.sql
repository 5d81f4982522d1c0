-- Jobs, their history, and who works on them.

create table "holdfast".meta (
    name text primary key,
    value text not null
);

-- By its installation id a connection to another database is told apart.
insert into "holdfast".meta (name, value) values ('installation', gen_random_uuid()::text);

-- Turns row security on for every table and function here that is without, where tenants are kept apart (`meta` names
-- the roles then): the worker role has all rows, the user role those of the tenant that its transaction names. Tables
-- without tenants are not the user role's to see. Partitions are reached through their table alone.
create function "holdfast".protect() returns int
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    roles jsonb := (select value::jsonb from "holdfast".meta where name = 'tenants');
    found record;
    done int := 0;
begin
    if roles is null then
        return 0;
    end if;
    for found in
        select c.relname as name, c.relispartition as part, exists (select from pg_attribute a
            where a.attrelid = c.oid and a.attname = 'tenant' and not a.attisdropped) as kept_apart
        from pg_class c
        where c.relnamespace = '"holdfast"'::regnamespace and c.relkind in ('r', 'p')
            and not (c.relrowsecurity and c.relforcerowsecurity)
    loop
        execute format('alter table "holdfast".%I enable row level security, force row level security', found.name);
        execute format('create policy admin on "holdfast".%I to %I using (true)', found.name, roles->>'admin');
        execute format('create policy worker on "holdfast".%I to %I using (true)', found.name, roles->>'worker');
        execute format('revoke all on "holdfast".%I from public', found.name);
        execute format('grant select, insert, update, delete on "holdfast".%I to %I', found.name, roles->>'worker');
        if found.kept_apart and not found.part then
            execute format('create policy one_tenant on "holdfast".%I to %I using (tenant = (select '
                'nullif(current_setting(''holdfast.tenant'', true), '''')))', found.name, roles->>'user');
            execute format('grant select, insert, update, delete on "holdfast".%I to %I', found.name, roles->>'user');
            if found.name = 'tenants' then
                execute format('revoke insert, update, delete on "holdfast".%I from %I', found.name, roles->>'user');
            end if;
        elsif found.name in ('meta', 'migrations', 'stats_marks') then
            execute format('create policy version on "holdfast".%I for select to %I using (true)',
                found.name, roles->>'user');
            execute format('grant select on "holdfast".%I to %I', found.name, roles->>'user');
        end if;
        done := done + 1;
    end loop;
    for found in
        select relname as name from pg_class where relnamespace = '"holdfast"'::regnamespace and relkind = 'S'
    loop
        execute format('grant usage on sequence "holdfast".%I to %I, %I', found.name, roles->>'worker', roles->>'user');
    end loop;
    for found in
        select p.oid::regprocedure as name, p.prosecdef as definer, p.proname = 'add_partition' as private
        from pg_proc p where p.pronamespace = '"holdfast"'::regnamespace
    loop
        execute format('revoke all on function %s from public', found.name);
        continue when found.private;
        execute format('grant execute on function %s to %I', found.name, roles->>'worker');
        continue when found.definer;
        execute format('grant execute on function %s to %I', found.name, roles->>'user');
    end loop;
    return done;
end $$;

-- Live jobs only. `due` and `seq` are made here, so that order never depends on a client's clock.
-- Each claim writes the row anew and so enters the key twice; to look for duplicates before that costs it an eighth.
create table "holdfast".jobs (
    tenant text collate "C" not null default 'default' check (tenant <> ''),
    id uuid not null,
    version int not null default 1 check (version >= 1),
    seq bigint generated always as identity,
    task text not null check (task <> ''),
    queue text not null default 'default' check (queue <> ''),
    state text not null
        check (state in ('scheduled', 'blocked', 'ready', 'running', 'suspended')),
    reason text,
    priority int not null default 0,
    due timestamptz not null,
    args text not null,
    key text check (key <> ''),
    group_key text check (group_key <> ''),
    gates text,
    tags text,
    metadata text,
    attempt int not null default 0 check (attempt >= 0),
    max_attempts int not null check (max_attempts >= 1),
    crashes int not null default 0 check (crashes >= 0),
    timeout float8,
    policy text not null default '{}',
    errors text,
    progress text,
    pending text,
    watched boolean,
    stop_reason text,
    schedule_id text,
    expires_at timestamptz,
    deadline_at timestamptz,
    token bigint not null default 0,
    worker text,
    claim_id uuid,
    lease_until timestamptz,
    created_at timestamptz not null,
    started_at timestamptz,
    updated_at timestamptz not null,
    primary key (tenant, id) with (deduplicate_items = off),
    constraint running_has_a_lease
        check (state <> 'running' or (lease_until is not null and worker is not null)),
    constraint pending_while_running check (pending is null or state = 'running' or strpos(policy, '"undo":"') > 0)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.1, toast_tuple_target = 1024);

-- Arguments above a kilobyte stay out of the row that is updated, and are not copied with it.
alter table "holdfast".jobs alter column args set storage external;

-- A claim must walk its own index whatever the statistics say, so each of these two repeats a column check that only
-- the claim which is to use it asks for: to the other claim it does not exist.
create index jobs_ready on "holdfast".jobs ((-priority::int8), tenant, due, seq)
    where state = 'ready' and tenant <> '';
create index jobs_ready_queue on "holdfast".jobs (queue, (-priority::int8), tenant, due, seq)
    where state = 'ready' and queue <> '';
create index jobs_scheduled on "holdfast".jobs (due) where state in ('scheduled', 'suspended');
create index jobs_lease on "holdfast".jobs (lease_until) where state = 'running';
create index jobs_stopped on "holdfast".jobs (updated_at) where stop_reason is not null;
create index jobs_expires on "holdfast".jobs (expires_at)
    where expires_at is not null and state in ('scheduled', 'blocked', 'ready');
create index jobs_deadline on "holdfast".jobs (deadline_at) where deadline_at is not null and stop_reason is null;
create index jobs_blocked on "holdfast".jobs (reason, task) where state = 'blocked' and reason <> 'gate';
create index jobs_left on "holdfast".jobs ((case when strpos(policy, '"raw"') > 0 then chr(9) else chr(10) end || queue))
    where strpos(reason, 'unknown_task') = 1;
create index jobs_again on "holdfast".jobs (queue) where state = 'scheduled' and reason in ('retry', 'suspect');
create index jobs_schedule on "holdfast".jobs (tenant, schedule_id) where schedule_id is not null;
create unique index jobs_key on "holdfast".jobs (tenant, queue, key) where key is not null;

-- False where somebody wrote what is no JSON: no row hides the others of its list.
create function "holdfast".has_tag(tags text, tag text) returns boolean
language plpgsql immutable as $$
begin
    return tags::jsonb ? tag;
exception when data_exception then
    return false;
end $$;

-- Whether one of the errors has a kind or message with this text in it.
create function "holdfast".has_error(errors text, error text) returns boolean
language plpgsql immutable as $$
begin
    return exists (select from jsonb_array_elements(errors::jsonb) as e
        where strpos(e ->> 'kind', error) > 0 or strpos(e ->> 'message', error) > 0);
exception when data_exception then
    return false;
end $$;

-- Finished jobs, append-only, dropped by whole partitions when `keep_until` has passed. `span` sorts them by how
-- long they stay: a range by day and one by week over the same column would overlap. Few: whoever looks for a job by
-- its id looks into each, and to plan that took 69 of them 8 ms, by day for a month and by month for two years.
create table "holdfast".history (
    tenant text not null,
    id uuid not null,
    version int not null,
    seq bigint not null,
    task text not null,
    queue text not null,
    state text not null check (state in ('succeeded', 'failed', 'cancelled', 'stalled')),
    reason text,
    priority int not null,
    due timestamptz not null,
    args text,
    result text,
    key text,
    group_key text,
    gates text,
    tags text,
    metadata text,
    attempt int not null,
    max_attempts int not null,
    crashes int not null,
    timeout float8,
    policy text not null,
    errors text,
    progress text,
    schedule_id text,
    token bigint not null,
    worker text,
    created_at timestamptz not null,
    started_at timestamptz,
    finished_at timestamptz not null,
    updated_at timestamptz not null,
    keep_until timestamptz not null,
    span text not null check (span in ('day', 'week', 'quarter', 'open')),
    stub boolean not null default false,
    superseded_by text,
    primary key (tenant, id, version, span, keep_until)
) partition by list (span);

create index history_failed on "holdfast".history ((tenant || ''), id, version) where state <> 'succeeded';
create index history_key on "holdfast".history (tenant, queue, key, finished_at) where key is not null;

-- The row in history of a version that ends while its job lives on, as the next one.
create function "holdfast".archived(job "holdfast".jobs, state text, reason text, result text, error text,
    elapsed float8, keep float8, moment timestamptz, successor text) returns "holdfast".history
language sql stable as $$
    select job.tenant, job.id, job.version, job.seq, job.task, job.queue, state, reason, job.priority, job.due,
        case when keep > 0 then job.args end, case when keep > 0 then result end, job.key, job.group_key,
        job.gates, job.tags,
        case when keep > 0 then job.metadata end, job.attempt, job.max_attempts,
        job.crashes + case when reason = 'crashed' then 1 else 0 end, job.timeout, job.policy,
        case when keep <= 0 then null when error is null then job.errors
            else coalesce(left(nullif(job.errors, '[]'), -1) || ',', '[') || '{"at":'
                || (extract(epoch from moment) * 1000000)::int8 || ',' || substr(error, 2) || ']' end,
        case when keep > 0 then job.progress end, job.schedule_id, job.token, job.worker, job.created_at,
        coalesce(moment - elapsed * interval '1 second', job.started_at), moment, moment,
        moment + case when keep > 0 then keep else 3600 end * interval '1 second',
        case when keep <= 691200 then 'day' when keep <= 2764800 then 'week' when keep <= 63115200 then 'quarter'
            else 'open' end,
        keep <= 0, successor
$$;

create table "holdfast".history_day partition of "holdfast".history for values in ('day')
    partition by range (keep_until);
create table "holdfast".history_week partition of "holdfast".history for values in ('week')
    partition by range (keep_until);
create table "holdfast".history_quarter partition of "holdfast".history for values in ('quarter')
    partition by range (keep_until);
create table "holdfast".history_open partition of "holdfast".history for values in ('open');
create table "holdfast".history_day_other partition of "holdfast".history_day default;
create table "holdfast".history_week_other partition of "holdfast".history_week default;
create table "holdfast".history_quarter_other partition of "holdfast".history_quarter default;
-- All rows have such an attempt; only what removes rows says so, and looks for a job by its id are not drawn to these.
create index history_open_until on "holdfast".history_open (keep_until) where attempt >= 0;
create index history_day_other_until on "holdfast".history_day_other (keep_until) where attempt >= 0;
create index history_week_other_until on "holdfast".history_week_other (keep_until) where attempt >= 0;
create index history_quarter_other_until on "holdfast".history_quarter_other (keep_until) where attempt >= 0;

-- Makes the partitions that the next weeks need and answers how many were missing. A reader that keeps history locked
-- for long (a dump) makes this give up at once, for it would hold up everybody behind it: there is time until tomorrow.
-- Where one is missing, nobody may be planning meanwhile: who had begun with the old list of partitions would look
-- into them after a job has moved into the new one, and miss it. Attaching alone does not keep readers out.
create function "holdfast".ensure_history(moment timestamptz) returns int
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' set lock_timeout = '200ms'
as $$
declare
    wanted record;
    made int := 0;
begin
    for wanted in
        select 'history_' || each.span as parent, to_char(each.low, 'YYYYMMDD') as suffix, each.low,
            each.low + each.width as high
        from (
            select kind.span, kind.width, date_trunc(kind.span, moment) + n * kind.width as low
            from (values ('day', interval '24 hours', 12), ('week', interval '168 hours', 7),
                ('quarter', interval '3 months', 10)) as kind (span, width, ahead)
            cross join generate_series(0, kind.ahead - 1) as n
        ) as each
    loop
        continue when to_regclass('"holdfast".' || quote_ident(wanted.parent || '_' || wanted.suffix)) is not null;
        if made = 0 then
            lock table "holdfast".history in access exclusive mode;
        end if;
        made := made + "holdfast".add_partition(wanted.parent, wanted.suffix, wanted.low, wanted.high);
    end loop;
    if made > 0 then
        perform "holdfast".protect();
    end if;
    return made;
exception when lock_not_available then
    return 0;
end $$;

-- Rows that came before their partition stay where they are, in the default one, and are pruned there.
create function "holdfast".add_partition(parent text, suffix text, low timestamptz, high timestamptz) returns int
language plpgsql as $$
begin
    execute format('create table "holdfast".%I (like "holdfast".%I including all)', parent || '_' || suffix, parent);
    execute format('alter table "holdfast".%I attach partition "holdfast".%I for values from (%L) to (%L)',
        parent, parent || '_' || suffix, low, high);
    return 1;
exception when check_violation or duplicate_table or unique_violation then
    return 0;
end $$;

-- Drops the partitions whose every row has passed its time, and answers how many.
create function "holdfast".drop_history(moment timestamptz) returns int
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO'
    set lock_timeout = '200ms' as $$
declare
    old record;
    dropped int := 0;
begin
    for old in
        select c.relname as name
        from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent in ('"holdfast".history_day'::regclass, '"holdfast".history_week'::regclass,
                '"holdfast".history_quarter'::regclass)
            and pg_get_expr(c.relpartbound, c.oid) <> 'DEFAULT'
            and (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''([^'']+)''\)'))[1]::timestamptz <= moment
        order by c.relname
    loop
        execute format('drop table "holdfast".%I', old.name);
        dropped := dropped + 1;
    end loop;
    return dropped;
exception when lock_not_available then
    return 0;
end $$;

-- They work with the rights of whoever owns the tables, and so are not everybody's to call.
revoke all on function "holdfast".protect(), "holdfast".ensure_history(timestamptz), "holdfast".drop_history(timestamptz)
    from public;

select "holdfast".ensure_history(now());

-- What bodies said while they ran; bounded per job, gone with it.
create table "holdfast".job_logs (
    tenant text not null,
    id uuid not null,
    token bigint not null,
    line int not null,
    attempt int not null,
    at timestamptz not null,
    level text not null,
    message text not null,
    step text,
    keep_until timestamptz not null,
    primary key (tenant, id, token, line)
);

create index job_logs_until on "holdfast".job_logs (keep_until);

-- What was said of queues at run time: by the default tenant, of all jobs in them, whoever's; by another one, that its own
-- jobs there wait. `spacing` is the seconds between two starts, and
-- before `next_at` none more is due; `defaults` is what their jobs are given that say nothing of it themselves.
create table "holdfast".queues (
    tenant text not null default 'default' check (tenant <> ''),
    name text not null check (name <> ''),
    display_name text,
    paused_at timestamptz,
    paused_by text,
    concurrency int check (concurrency >= 1),
    spacing float8 check (spacing > 0),
    next_at timestamptz,
    defaults text not null default '{}',
    updated_at timestamptz not null,
    primary key (tenant, name)
);

create index queues_paused on "holdfast".queues (tenant, name) where paused_at is not null;

-- What jobs must pass before they run: groups and limits. A null size lets any number in, a null spacing at any pace.
-- `base` is the limit it is one of, by an argument; null for a group. At `next_at` something is to be looked at.
create table "holdfast".gates (
    tenant text not null default 'default' check (tenant <> ''),
    name text not null check (name <> ''),
    base text,
    lane text,
    size int check (size >= 1),
    spacing float8 check (spacing > 0),
    edited boolean not null default false,
    next_at timestamptz,
    updated_at timestamptz not null,
    primary key (tenant, name)
);

create index gates_base on "holdfast".gates (base) where base is not null;
create index gates_next on "holdfast".gates (next_at) where next_at is not null;
create index gates_idle on "holdfast".gates (updated_at) where not edited;

-- Jobs before and in gates; others never come here. A blocked job stands in one line, an offered or running one has a
-- place (`held`) in each of its gates. `stop` keeps a group shut after a failure. `odd` are those that need a long look:
-- of another queue or task than the gate's `lane`, with several gates, heavier than one, passed over, or with a stop.
create table "holdfast".gate_jobs (
    tenant text not null,
    id uuid not null,
    gate text not null,
    rank bigint not null,
    due timestamptz not null,
    seq bigint not null,
    weight int not null check (weight >= 1),
    held boolean not null default false,
    stop boolean not null default false,
    odd boolean not null default false,
    passed_at timestamptz,
    primary key (tenant, id, gate)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.1);

create index gate_jobs_line on "holdfast".gate_jobs (tenant, gate, rank, due, seq) where not held;
create index gate_jobs_held on "holdfast".gate_jobs (tenant, gate, id) where held;
create index gate_jobs_odd on "holdfast".gate_jobs (tenant, gate) where odd;
create index gate_jobs_stop on "holdfast".gate_jobs (tenant, gate, id) where stop;

-- What a gate is to be looked at for, and when; a start keeps a gate with a spacing shut until then. Only ever inserted,
-- so that nobody waits who has something to say about a gate that another one holds.
create table "holdfast".gate_notes (
    seq bigint generated always as identity primary key,
    tenant text not null,
    gate text not null,
    due timestamptz not null,
    start boolean not null default false
);

create index gate_notes_due on "holdfast".gate_notes (due);
create index gate_notes_start on "holdfast".gate_notes (tenant, gate, due) where start;

-- What is known beside the jobs: which job an `input` belongs to, which one of a `debounce` waits, when a `rate` let the
-- last one in, what a `request` came to that changed another's job. Rows past `keep_until` mean nothing.
create table "holdfast".marks (
    tenant text not null check (tenant <> ''),
    kind text not null check (kind in ('input', 'debounce', 'rate', 'request')),
    name text not null,
    id uuid not null,
    version int not null default 1,
    input text,
    since timestamptz not null,
    keep_until timestamptz not null,
    primary key (tenant, kind, name)
) with (fillfactor = 70);

create index marks_until on "holdfast".marks (keep_until);

-- Who waits for whose end (`job`, which may be a batch): a job that is to run after it, or a batch that counts it. Gone
-- when that has ended as needed, `failed` when it has ended otherwise. Jobs that are waited for are marked `watched`.
create table "holdfast".waits (
    tenant text not null,
    job uuid not null,
    id uuid not null,
    need text not null check (need in ('succeeded', 'failed', 'finished')),
    batch boolean not null default false,
    failed boolean not null default false,
    primary key (tenant, job, id)
);

-- For statements that ask for it in its own words; to those that look for a `job` it does not exist.
create index waits_open on "holdfast".waits (tenant, id, job) where tenant <> '';

-- What a pass has still to do about them, said by transactions that wait for nobody. Only ever inserted and taken.
create table "holdfast".wait_notes (
    seq bigint generated always as identity primary key,
    tenant text not null,
    id uuid not null,
    what text not null check (what in ('watch', 'ended', 'look', 'batch', 'close', 'stop')),
    state text,
    count int not null default 1
);

create index wait_notes_batch on "holdfast".wait_notes (tenant, id) where what = 'batch';

-- Named sets of jobs, counted. What has just changed is in the notes.
create table "holdfast".batches (
    tenant text not null default 'default' check (tenant <> ''),
    id uuid not null,
    name text not null check (name <> ''),
    open boolean not null default true,
    stopped boolean not null default false,
    state text check (state in ('succeeded', 'failed', 'cancelled')),
    total int not null default 0,
    succeeded int not null default 0,
    failed int not null default 0,
    cancelled int not null default 0,
    stalled int not null default 0,
    keep float8 not null,
    created_at timestamptz not null,
    finished_at timestamptz,
    keep_until timestamptz,
    primary key (tenant, id)
);

create index batches_live on "holdfast".batches (tenant) where state is null and tenant <> '';
create index batches_until on "holdfast".batches (keep_until) where keep_until is not null;

create table "holdfast".workers (
    boot text primary key,
    name text not null,
    host text not null,
    pid int not null,
    queues text,
    tasks text not null,
    lease float8 not null,
    running int not null default 0,
    concurrency int not null default 1,
    paused boolean not null default false,
    version text not null,
    started_at timestamptz not null,
    seen_at timestamptz not null,
    expires_at timestamptz not null
);

-- Pieces of jobs that are recorded: steps, sleeps, waits, children. A piece is known by its line within the body, its name,
-- and its number among those of this name there; `place` is its number among all of that line. `undo` is the function, with
-- its arguments, that takes back what the piece did.
create table "holdfast".steps (
    tenant text not null,
    id uuid not null,
    version int not null,
    branch text collate "C" not null,
    name text not null,
    nth int not null,
    place int not null,
    kind text not null,
    state text check (state in ('done', 'failed', 'waiting')) not null,
    mark text,
    result text,
    error text,
    attempt int not null,
    tries int not null,
    token bigint not null,
    began_at timestamptz not null,
    ended_at timestamptz,
    due timestamptz,
    topic text,
    undo text,
    primary key (tenant, id, version, branch, name, nth)
);

create index steps_topic on "holdfast".steps (tenant, topic) where state = 'waiting' and topic is not null;

-- One for each version of a job that has recorded anything. At `look_at` somebody looks whether the job is still there.
create table "holdfast".journals (
    tenant text not null,
    id uuid not null,
    version int not null,
    code text,
    look_at timestamptz not null,
    primary key (tenant, id, version)
);

create index journals_look on "holdfast".journals (look_at);

-- Messages of pipes, in the order in which they came. `fresh`: nobody has looked yet which jobs wait for it. `taken`: to how
-- many tasks it was handed, which is none while no worker knows one that it triggers.
create table "holdfast".messages (
    seq bigint generated always as identity primary key,
    tenant text not null check (tenant <> ''),
    id uuid not null,
    pipe text not null check (pipe <> ''),
    key text check (key <> ''),
    value text not null,
    job uuid,
    fresh boolean not null default true,
    taken int not null default 0,
    sent_at timestamptz not null,
    keep_until timestamptz not null
);

create unique index messages_id on "holdfast".messages (tenant, id);
create unique index messages_key on "holdfast".messages (tenant, pipe, key) where key is not null;
create index messages_pipe on "holdfast".messages (tenant, pipe, seq);
create index messages_untaken on "holdfast".messages (pipe, seq) where taken = 0;
create index messages_fresh on "holdfast".messages (seq) where fresh;
create index messages_until on "holdfast".messages (keep_until);

-- What messages are still to become: a job of each task that their pipe triggers. A row goes in the commit that makes it.
create table "holdfast".deliveries (
    tenant text not null,
    message uuid not null,
    task text not null,
    pipe text not null,
    seq bigint not null,
    parked text,
    primary key (tenant, message, task)
);

create index deliveries_task on "holdfast".deliveries (task, seq) where parked is null;
create index deliveries_parked on "holdfast".deliveries (task, seq) where parked is not null;
create index deliveries_pipe on "holdfast".deliveries (tenant, pipe, seq);

-- Which tasks a pipe triggers, as the workers that know them said when they last started.
create table "holdfast".triggers (
    pipe text not null,
    task text not null,
    seen_at timestamptz not null,
    primary key (pipe, task)
);

create index triggers_task on "holdfast".triggers (task);

-- Of which tasks the ends of jobs are messages of a pipe, since when, and in which state (null: any). `seen_at`: when somebody
-- last asked for it.
create table "holdfast".heard (
    pipe text primary key,
    task text not null,
    state text,
    since timestamptz not null,
    seen_at timestamptz not null
);

create index heard_task on "holdfast".heard (task);

-- Jobs that wait for a message of a pipe, or for somebody who has the token. `filter`: what the message must hold. A row stays
-- as long as its job's journal, with the `message` that its job took. `fresh`: messages of before are to be looked through.
create table "holdfast".asks (
    tenant text not null,
    id uuid not null,
    version int not null,
    branch text not null,
    name text not null,
    nth int not null,
    pipe text not null,
    filter text,
    token text not null,
    since timestamptz not null,
    asked_at timestamptz not null,
    fresh boolean not null default true,
    message uuid,
    taken_at timestamptz,
    primary key (tenant, id, version, branch, name, nth)
);

create unique index asks_token on "holdfast".asks (token);
create index asks_open on "holdfast".asks (tenant, pipe) where taken_at is null;
create index asks_fresh on "holdfast".asks (asked_at) where fresh;
create index asks_message on "holdfast".asks (tenant, message) where message is not null;

create table "holdfast".leaders (
    role text primary key,
    boot text not null,
    term bigint not null,
    expires_at timestamptz not null
);

-- Rules by which jobs come into being. `due_at` is when the leader looks at it again: null while it is paused, parked or
-- at its end. `job` is what is stored of a job beside its arguments, `spec` when it fires.
create table "holdfast".schedules (
    tenant text not null default 'default' check (tenant <> ''),
    name text not null check (name <> ''),
    source text not null check (source in ('code', 'api')),
    deployment text,
    task text not null check (task <> ''),
    args text not null,
    job text not null default '{}',
    spec text not null,
    anchor_at timestamptz not null,
    next_at timestamptz,
    due_at timestamptz,
    last_at timestamptz,
    fired_at timestamptz,
    paused boolean not null default false,
    parked text,
    fired bigint not null default 0,
    skipped bigint not null default 0,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant, name),
    constraint due_is_next check (due_at is null or (next_at is not null and not paused and parked is null))
) with (fillfactor = 70);

create index schedules_due on "holdfast".schedules (due_at) where due_at is not null;
create index schedules_parked on "holdfast".schedules (tenant, name) where parked is not null;
create index schedules_task on "holdfast".schedules (task);
create index schedules_deployment on "holdfast".schedules (deployment) where deployment is not null;

-- One job per schedule and instant of its rule, whoever fires it; `nth` from 1 on are jobs asked for by hand.
create table "holdfast".schedule_runs (
    tenant text not null,
    name text not null,
    instant timestamptz not null,
    nth bigint not null default 0,
    id uuid not null,
    timed boolean not null default false,
    fired_at timestamptz not null,
    primary key (tenant, name, instant, nth)
);

create index schedule_runs_fired on "holdfast".schedule_runs (fired_at);

-- Small facts that tenants keep beside their jobs.
create table "holdfast".metadata (
    tenant text not null check (tenant <> ''),
    key text not null check (key <> ''),
    value text not null,
    updated_at timestamptz not null,
    primary key (tenant, key)
);

-- What was said of tenants. `weight`: how many turns it has for each of another's where several wait; `live` and
-- `storage`: the most live jobs it may have, and bytes of their arguments.
create table "holdfast".tenants (
    tenant text collate "C" primary key check (tenant <> ''),
    weight int not null default 1 check (weight between 1 and 1000),
    live int check (live >= 0),
    storage bigint check (storage >= 0),
    updated_at timestamptz not null
);

-- Behind which tenant workers go on that take turns with more of them than one look sees; by what they work on.
create table "holdfast".turns (
    name text primary key,
    after text not null
) with (fillfactor = 50);

-- Who did what to a job by hand, what it was before and what after; for 90 days.
create table "holdfast".audit (
    seq bigint generated always as identity primary key,
    tenant text not null check (tenant <> ''),
    id uuid not null,
    verb text not null,
    actor text not null,
    said text,
    was text,
    became text,
    request text not null,
    at timestamptz not null
);

create index audit_tenant on "holdfast".audit (tenant, seq);
create index audit_job on "holdfast".audit (tenant, id, seq);
create index audit_at on "holdfast".audit (at);
