-- Jobs, their history, and who works on them. Instants are microseconds since 1970 (UTC).

create table holdfast_meta (
    name text primary key,
    value text not null
);

-- Live jobs only. `seq` is made here, so that order never depends on a client.
-- States are compared one by one: for a list of more than two SQLite builds a table in memory, for every row.
create table holdfast_jobs (
    seq integer primary key autoincrement,
    tenant text not null default 'default' check (tenant <> ''),
    id text not null,
    version integer not null default 1 check (version >= 1),
    task text not null check (task <> ''),
    queue text not null default 'default' check (queue <> ''),
    state text not null check (state = 'ready' or state = 'running' or state = 'scheduled' or state = 'blocked'
        or state = 'suspended'),
    reason text,
    priority integer not null default 0,
    due integer not null,
    args text not null,
    key text check (key <> ''),
    group_key text check (group_key <> ''),
    gates text,
    tags text,
    metadata text,
    attempt integer not null default 0 check (attempt >= 0),
    max_attempts integer not null check (max_attempts >= 1),
    crashes integer not null default 0 check (crashes >= 0),
    timeout real,
    policy text not null default '{}',
    errors text,
    progress text,
    pending text,
    watched integer,
    stop_reason text,
    schedule_id text,
    expires_at integer,
    deadline_at integer,
    token integer not null default 0,
    worker text,
    claim_id text,
    lease_until integer,
    created_at integer not null,
    started_at integer,
    updated_at integer not null,
    constraint running_has_a_lease
        check (state <> 'running' or (lease_until is not null and worker is not null)),
    constraint pending_while_running check (pending is null or state = 'running' or instr(policy, '"undo":"') > 0)
);

create unique index holdfast_jobs_id on holdfast_jobs (tenant, id);
create index holdfast_jobs_ready on holdfast_jobs (-priority, tenant, due, seq) where state = 'ready';
create index holdfast_jobs_ready_queue on holdfast_jobs (queue, -priority, tenant, due, seq) where state = 'ready';
create index holdfast_jobs_scheduled on holdfast_jobs (due) where state = 'scheduled' or state = 'suspended';
create index holdfast_jobs_lease on holdfast_jobs (lease_until) where state = 'running';
create index holdfast_jobs_stopped on holdfast_jobs (updated_at) where stop_reason is not null;
create index holdfast_jobs_expires on holdfast_jobs (expires_at)
    where expires_at is not null and (state = 'scheduled' or state = 'blocked' or state = 'ready');
create index holdfast_jobs_deadline on holdfast_jobs (deadline_at) where deadline_at is not null and stop_reason is null;
create index holdfast_jobs_blocked on holdfast_jobs (reason, task) where state = 'blocked' and reason <> 'gate';
create index holdfast_jobs_left on holdfast_jobs (case when instr(policy, '"raw"') > 0 then char(9) else char(10) end || queue)
    where instr(reason, 'unknown_task') = 1;
create index holdfast_jobs_again on holdfast_jobs (queue)
    where state = 'scheduled' and (reason = 'retry' or reason = 'suspect');
create index holdfast_jobs_schedule on holdfast_jobs (tenant, schedule_id) where schedule_id is not null;
create unique index holdfast_jobs_key on holdfast_jobs (tenant, queue, key) where key is not null;

-- Arguments above a kilobyte stay out of the row that is updated; `args` is then empty there.
create table holdfast_payloads (
    seq integer primary key,
    args text not null
);

create trigger holdfast_payload_out after insert on holdfast_jobs when length(new.args) > 1024
begin
    insert into holdfast_payloads (seq, args) values (new.seq, new.args);
    update holdfast_jobs set args = '' where seq = new.seq;
end;

create trigger holdfast_payload_changed after update of args on holdfast_jobs when new.args <> ''
begin
    delete from holdfast_payloads where seq = old.seq;
    insert into holdfast_payloads (seq, args) select new.seq, new.args where length(new.args) > 1024;
    update holdfast_jobs set args = '' where seq = new.seq and length(new.args) > 1024;
end;

create trigger holdfast_payload_gone after delete on holdfast_jobs when old.args = ''
begin
    delete from holdfast_payloads where seq = old.seq;
end;

-- Finished jobs, append-only, removed in slices when `keep_until` has passed. `pos` is SQLite's own number of the row.
create table holdfast_history (
    pos integer primary key,
    tenant text not null,
    id text not null,
    version integer not null,
    seq integer not null,
    task text not null,
    queue text not null,
    state text not null check (state = 'succeeded' or state = 'failed' or state = 'cancelled' or state = 'stalled'),
    reason text,
    priority integer not null,
    due integer not null,
    args text,
    result text,
    key text,
    group_key text,
    gates text,
    tags text,
    metadata text,
    attempt integer not null,
    max_attempts integer not null,
    crashes integer not null,
    timeout real,
    policy text not null,
    errors text,
    progress text,
    schedule_id text,
    token integer not null,
    worker text,
    created_at integer not null,
    started_at integer,
    finished_at integer not null,
    updated_at integer not null,
    keep_until integer not null,
    stub integer not null default 0,
    superseded_by text
);

create unique index holdfast_history_id on holdfast_history (tenant, id, version);
create index holdfast_history_failed on holdfast_history (tenant || '', id, version) where state <> 'succeeded';
create index holdfast_history_until on holdfast_history (keep_until);
create index holdfast_history_key on holdfast_history (tenant, queue, key, finished_at) where key is not null;

-- What bodies said while they ran; bounded per job, gone with it.
create table holdfast_job_logs (
    tenant text not null,
    id text not null,
    token integer not null,
    line integer not null,
    attempt integer not null,
    at integer not null,
    level text not null,
    message text not null,
    step text,
    keep_until integer not null,
    primary key (tenant, id, token, line)
);

create index holdfast_job_logs_until on holdfast_job_logs (keep_until);

-- What was said of queues at run time: by the default tenant, of all jobs in them, whoever's; by another one, that its own
-- jobs there wait. `spacing` is the seconds between two starts, and
-- before `next_at` none more is due; `defaults` is what their jobs are given that say nothing of it themselves.
create table holdfast_queues (
    tenant text not null default 'default' check (tenant <> ''),
    name text not null check (name <> ''),
    display_name text,
    paused_at integer,
    paused_by text,
    concurrency integer check (concurrency >= 1),
    spacing real check (spacing > 0),
    next_at integer,
    defaults text not null default '{}',
    updated_at integer not null,
    primary key (tenant, name)
);

create index holdfast_queues_paused on holdfast_queues (tenant, name) where paused_at is not null;

-- What jobs must pass before they run: groups and limits. A null size lets any number in, a null spacing at any pace.
-- `base` is the limit it is one of, by an argument; null for a group. At `next_at` something is to be looked at.
create table holdfast_gates (
    tenant text not null default 'default' check (tenant <> ''),
    name text not null check (name <> ''),
    base text,
    lane text,
    size integer check (size >= 1),
    spacing real check (spacing > 0),
    edited integer not null default 0,
    next_at integer,
    updated_at integer not null,
    primary key (tenant, name)
);

create index holdfast_gates_base on holdfast_gates (base) where base is not null;
create index holdfast_gates_next on holdfast_gates (next_at) where next_at is not null;
create index holdfast_gates_idle on holdfast_gates (updated_at) where not edited;

-- Jobs before and in gates; others never come here. A blocked job stands in one line, an offered or running one has a
-- place (`held`) in each of its gates. `stop` keeps a group shut after a failure. `odd` are those that need a long look:
-- of another queue or task than the gate's `lane`, with several gates, heavier than one, passed over, or with a stop.
create table holdfast_gate_jobs (
    tenant text not null,
    id text not null,
    gate text not null,
    rank integer not null,
    due integer not null,
    seq integer not null,
    weight integer not null check (weight >= 1),
    held integer not null default 0,
    stop integer not null default 0,
    odd integer not null default 0,
    passed_at integer,
    primary key (tenant, id, gate)
) without rowid;

create index holdfast_gate_jobs_line on holdfast_gate_jobs (tenant, gate, rank, due, seq) where not held;
-- With all that is read to count places: a limit of 1,000 costs no 1,000 rows.
create index holdfast_gate_jobs_held on holdfast_gate_jobs (tenant, gate, id, weight, rank, held) where held;
create index holdfast_gate_jobs_odd on holdfast_gate_jobs (tenant, gate) where odd;
create index holdfast_gate_jobs_stop on holdfast_gate_jobs (tenant, gate, id) where stop;

-- What a gate is to be looked at for, and when; a start keeps a gate with a spacing shut until then.
create table holdfast_gate_notes (
    seq integer primary key autoincrement,
    tenant text not null,
    gate text not null,
    due integer not null,
    start integer not null default 0
);

create index holdfast_gate_notes_due on holdfast_gate_notes (due);
create index holdfast_gate_notes_start on holdfast_gate_notes (tenant, gate, due) where start;

-- What is known beside the jobs: which job an `input` belongs to, which one of a `debounce` waits, when a `rate` let the
-- last one in, what a `request` came to that changed another's job. Rows past `keep_until` mean nothing.
create table holdfast_marks (
    tenant text not null check (tenant <> ''),
    kind text not null check (kind in ('input', 'debounce', 'rate', 'request')),
    name text not null,
    id text not null,
    version integer not null default 1,
    input text,
    since integer not null,
    keep_until integer not null,
    primary key (tenant, kind, name)
) without rowid;

create index holdfast_marks_until on holdfast_marks (keep_until);

-- Who waits for whose end (`job`, which may be a batch): a job that is to run after it, or a batch that counts it. Gone
-- when that has ended as needed, `failed` when it has ended otherwise. Jobs that are waited for are marked `watched`.
create table holdfast_waits (
    tenant text not null,
    job text not null,
    id text not null,
    need text not null check (need in ('succeeded', 'failed', 'finished')),
    batch integer not null default 0,
    failed integer not null default 0,
    primary key (tenant, job, id)
);

create index holdfast_waits_open on holdfast_waits (tenant, id, job);

-- What a pass has still to do about them.
create table holdfast_wait_notes (
    seq integer primary key autoincrement,
    tenant text not null,
    id text not null,
    what text not null check (what in ('watch', 'ended', 'look', 'batch', 'close', 'stop')),
    state text,
    count integer not null default 1
);

create index holdfast_wait_notes_batch on holdfast_wait_notes (tenant, id) where what = 'batch';

-- Named sets of jobs, counted. What has just changed is in the notes.
create table holdfast_batches (
    tenant text not null default 'default' check (tenant <> ''),
    id text not null,
    name text not null check (name <> ''),
    open integer not null default 1,
    stopped integer not null default 0,
    state text check (state in ('succeeded', 'failed', 'cancelled')),
    total integer not null default 0,
    succeeded integer not null default 0,
    failed integer not null default 0,
    cancelled integer not null default 0,
    stalled integer not null default 0,
    keep real not null,
    created_at integer not null,
    finished_at integer,
    keep_until integer,
    primary key (tenant, id)
);

create index holdfast_batches_live on holdfast_batches (tenant) where state is null;
create index holdfast_batches_until on holdfast_batches (keep_until) where keep_until is not null;

create table holdfast_workers (
    boot text primary key,
    name text not null,
    host text not null,
    pid integer not null,
    queues text,
    tasks text not null,
    lease real not null,
    running integer not null default 0,
    concurrency integer not null default 1,
    paused integer not null default 0,
    version text not null,
    started_at integer not null,
    seen_at integer not null,
    expires_at integer not null
);

-- Pieces of jobs that are recorded: steps, sleeps, waits, children. A piece is known by its line within the body, its name,
-- and its number among those of this name there; `place` is its number among all of that line. `undo` is the function, with
-- its arguments, that takes back what the piece did.
create table holdfast_steps (
    tenant text not null,
    id text not null,
    version integer not null,
    branch text not null,
    name text not null,
    nth integer not null,
    place integer not null,
    kind text not null,
    state text check (state = 'done' or state = 'failed' or state = 'waiting') not null,
    mark text,
    result text,
    error text,
    attempt integer not null,
    tries integer not null,
    token integer not null,
    began_at integer not null,
    ended_at integer,
    due integer,
    topic text,
    undo text,
    primary key (tenant, id, version, branch, name, nth)
) without rowid;

create index holdfast_steps_topic on holdfast_steps (tenant, topic) where state = 'waiting' and topic is not null;

-- One for each version of a job that has recorded anything. At `look_at` somebody looks whether the job is still there.
create table holdfast_journals (
    tenant text not null,
    id text not null,
    version integer not null,
    code text,
    look_at integer not null,
    primary key (tenant, id, version)
) without rowid;

create index holdfast_journals_look on holdfast_journals (look_at);

-- Messages of pipes, in the order in which they came. `fresh`: nobody has looked yet which jobs wait for it. `taken`: to how
-- many tasks it was handed, which is none while no worker knows one that it triggers.
create table holdfast_messages (
    seq integer primary key autoincrement,
    tenant text not null check (tenant <> ''),
    id text not null,
    pipe text not null check (pipe <> ''),
    key text check (key <> ''),
    value text not null,
    job text,
    fresh integer not null default 1,
    taken integer not null default 0,
    sent_at integer not null,
    keep_until integer not null
);

create unique index holdfast_messages_id on holdfast_messages (tenant, id);
create unique index holdfast_messages_key on holdfast_messages (tenant, pipe, key) where key is not null;
create index holdfast_messages_pipe on holdfast_messages (tenant, pipe, seq);
create index holdfast_messages_untaken on holdfast_messages (pipe, seq) where taken = 0;
create index holdfast_messages_fresh on holdfast_messages (seq) where fresh;
create index holdfast_messages_until on holdfast_messages (keep_until);

-- What messages are still to become: a job of each task that their pipe triggers. A row goes in the commit that makes it.
create table holdfast_deliveries (
    tenant text not null,
    message text not null,
    task text not null,
    pipe text not null,
    seq integer not null,
    parked text,
    primary key (tenant, message, task)
) without rowid;

create index holdfast_deliveries_task on holdfast_deliveries (task, seq) where parked is null;
create index holdfast_deliveries_parked on holdfast_deliveries (task, seq) where parked is not null;
create index holdfast_deliveries_pipe on holdfast_deliveries (tenant, pipe, seq);

-- Which tasks a pipe triggers, as the workers that know them said when they last started.
create table holdfast_triggers (
    pipe text not null,
    task text not null,
    seen_at integer not null,
    primary key (pipe, task)
) without rowid;

create index holdfast_triggers_task on holdfast_triggers (task);

-- Of which tasks the ends of jobs are messages of a pipe, since when, and in which state (null: any). `seen_at`: when somebody
-- last asked for it.
create table holdfast_heard (
    pipe text primary key,
    task text not null,
    state text,
    since integer not null,
    seen_at integer not null
) without rowid;

create index holdfast_heard_task on holdfast_heard (task);

-- Jobs that wait for a message of a pipe, or for somebody who has the token. `filter`: what the message must hold. A row stays
-- as long as its job's journal, with the `message` that its job took. `fresh`: messages of before are to be looked through.
create table holdfast_asks (
    tenant text not null,
    id text not null,
    version integer not null,
    branch text not null,
    name text not null,
    nth integer not null,
    pipe text not null,
    filter text,
    token text not null,
    since integer not null,
    asked_at integer not null,
    fresh integer not null default 1,
    message text,
    taken_at integer,
    primary key (tenant, id, version, branch, name, nth)
) without rowid;

create unique index holdfast_asks_token on holdfast_asks (token);
create index holdfast_asks_open on holdfast_asks (tenant, pipe) where taken_at is null;
create index holdfast_asks_fresh on holdfast_asks (asked_at) where fresh;
create index holdfast_asks_message on holdfast_asks (tenant, message) where message is not null;

create table holdfast_leaders (
    role text primary key,
    boot text not null,
    term integer not null,
    expires_at integer not null
);

-- Rules by which jobs come into being. `due_at` is when the leader looks at it again: null while it is paused, parked or
-- at its end. `job` is what is stored of a job beside its arguments, `spec` when it fires.
create table holdfast_schedules (
    tenant text not null default 'default' check (tenant <> ''),
    name text not null check (name <> ''),
    source text not null check (source = 'code' or source = 'api'),
    deployment text,
    task text not null check (task <> ''),
    args text not null,
    job text not null default '{}',
    spec text not null,
    anchor_at integer not null,
    next_at integer,
    due_at integer,
    last_at integer,
    fired_at integer,
    paused integer not null default 0,
    parked text,
    fired integer not null default 0,
    skipped integer not null default 0,
    created_at integer not null,
    updated_at integer not null,
    primary key (tenant, name),
    constraint due_is_next check (due_at is null or (next_at is not null and not paused and parked is null))
);

create index holdfast_schedules_due on holdfast_schedules (due_at) where due_at is not null;
create index holdfast_schedules_parked on holdfast_schedules (tenant, name) where parked is not null;
create index holdfast_schedules_task on holdfast_schedules (task);
create index holdfast_schedules_deployment on holdfast_schedules (deployment) where deployment is not null;

-- One job per schedule and instant of its rule, whoever fires it; `nth` from 1 on are jobs asked for by hand.
create table holdfast_schedule_runs (
    tenant text not null,
    name text not null,
    instant integer not null,
    nth integer not null default 0,
    id text not null,
    timed integer not null default 0,
    fired_at integer not null,
    primary key (tenant, name, instant, nth)
);

create index holdfast_schedule_runs_fired on holdfast_schedule_runs (fired_at);

-- Small facts that tenants keep beside their jobs.
create table holdfast_metadata (
    tenant text not null check (tenant <> ''),
    key text not null check (key <> ''),
    value text not null,
    updated_at integer not null,
    primary key (tenant, key)
);

-- What was said of tenants. `weight`: how many turns it has for each of another's where several wait; `live` and
-- `storage`: the most live jobs it may have, and bytes of their arguments.
create table holdfast_tenants (
    tenant text primary key check (tenant <> ''),
    weight integer not null default 1 check (weight between 1 and 1000),
    live integer check (live >= 0),
    storage integer check (storage >= 0),
    updated_at integer not null
) without rowid;

-- Behind which tenant workers go on that take turns with more of them than one look sees; by what they work on.
create table holdfast_turns (
    name text primary key,
    after text not null
) without rowid;

-- Who did what to a job by hand, what it was before and what after; for 90 days.
create table holdfast_audit (
    seq integer primary key autoincrement,
    tenant text not null check (tenant <> ''),
    id text not null,
    verb text not null,
    actor text not null,
    said text,
    was text,
    became text,
    request text not null,
    at integer not null
);

create index holdfast_audit_tenant on holdfast_audit (tenant, seq);
create index holdfast_audit_job on holdfast_audit (tenant, id, seq);
create index holdfast_audit_at on holdfast_audit (at);
