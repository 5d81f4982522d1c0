-- Jobs from SQL: `insert into holdfast_enqueue (task, args) values (…)`. docs/how-to/enqueue-from-sql.md is what others
-- may rely on, and PostgreSQL's file of this name makes a function with the same parameters. The view holds no rows.

create view holdfast_enqueue (task, args, queue, priority, run_at, delay, key, on_conflict, group_key, group_limit,
    retry, timeout, expires, deadline, keep_succeeded, keep_failed, tags, metadata, body, content_type, target, id,
    tenant, cache, debounce, rate_limit, throttle, after)
as select null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
    null, null, null, null, null, null, null, null, null, null where false;

create trigger holdfast_enqueue_in instead of insert on holdfast_enqueue
begin
    select raise(abort, 'task, queue, key, group_key, content_type and tenant must be text of 1 to 255 characters, none of control; a job needs a task')
    from json_each(json_array(coalesce(new.task, ''), coalesce(new.queue, 'default'), coalesce(new.key, 'k'),
        coalesce(new.group_key, 'g'), coalesce(new.content_type, 'c'), coalesce(new.tenant, 'default'))) as n
    where n.type <> 'text' or length(n.value) not between 1 and 255
        or instr(n.value, char(0)) or n.value glob '*[' || char(1) || '-' || char(31) || char(127) || '-' || char(159) || char(8232, 8233) || ']*';
    select raise(abort, 'cache, debounce, rate_limit, throttle and after are not for jobs from SQL: enqueue a job whose task enqueues with them, or give a key or a group_key')
    where coalesce(new.cache, new.debounce, new.rate_limit, new.throttle, new.after) is not null;
    select raise(abort, 'on_conflict must be ''keep'' or ''reject'' for jobs from SQL')
    where coalesce(new.on_conflict, 'keep') not in ('keep', 'reject');
    select raise(abort, 'a live job of this queue has the key; nothing was stored')
    from holdfast_jobs j
    where new.on_conflict = 'reject' and j.tenant = coalesce(new.tenant, 'default')
        and j.queue = coalesce(new.queue, 'default') and j.key = new.key and j.id <> coalesce(lower(new.id), '');
    select raise(abort, 'id must be a UUID such as 0190163d-8694-79b5-8c1d-4f0e2a7b6c5d')
    where new.id is not null and (typeof(new.id) <> 'text' or length(new.id) <> 36
        or substr(new.id, 9, 1) || substr(new.id, 14, 1) || substr(new.id, 19, 1) || substr(new.id, 24, 1) <> '----'
        or length(replace(new.id, '-', '')) <> 32 or lower(replace(new.id, '-', '')) glob '*[^0-9a-f]*');

    select raise(abort, 'delay, timeout, expires, deadline, keep_succeeded and keep_failed must be seconds from 0 to 1000 years')
    from json_each(json_array(coalesce(new.delay, 0), coalesce(new.timeout, 0), coalesce(new.expires, 0),
        coalesce(new.deadline, 0), coalesce(new.keep_succeeded, 0), coalesce(new.keep_failed, 0))) as n
    where n.type not in ('integer', 'real') or n.value not between 0 and 31557600000;
    select raise(abort, 'priority must be a whole number of 32 bits; retry and group_limit whole numbers from 1')
    where typeof(coalesce(new.priority, 0)) <> 'integer' or new.priority not between -2147483648 and 2147483647
        or typeof(coalesce(new.retry, 1)) <> 'integer' or new.retry not between 1 and 2147483647
        or typeof(coalesce(new.group_limit, 1)) <> 'integer' or new.group_limit not between 1 and 2147483647;
    select raise(abort, 'give run_at or delay, not both: one of them says when it is due')
    where new.run_at is not null and new.delay is not null;
    select raise(abort, 'run_at must be microseconds since 1970, or text such as 2026-01-31 15:00:00 in UTC, from 1970 to 9999')
    where new.run_at is not null and (typeof(new.run_at) not in ('integer', 'text')
        or case typeof(new.run_at) when 'integer' then new.run_at
            else coalesce((julianday(new.run_at) - 2440587.5) * 86400000000, -1) end not between 0 and 253402300799000000);

    select raise(abort, 'args and metadata must be JSON objects, of a megabyte at most')
    where not json_valid(coalesce(new.args, '{}')) or not json_valid(coalesce(new.metadata, '{}'))
        or case when json_valid(new.args) then json_type(new.args) <> 'object' or length(new.args) > 1048576 end
        or case when json_valid(new.metadata) then json_type(new.metadata) <> 'object' or length(new.metadata) > 1048576 end;
    select raise(abort, 'tags must be a JSON array of at most 100 names, each of 1 to 255 characters')
    where new.tags is not null and case when not json_valid(new.tags) then true when json_type(new.tags) <> 'array' then true
        else json_array_length(new.tags) > 100 or exists (select 1 from json_each(new.tags) as t
            where t.type <> 'text' or length(t.value) not between 1 and 255) end;
    select raise(abort, 'a raw job has a body (text or a blob, of a megabyte at most) and no args; content_type and target, which is JSON, are of raw jobs')
    where (new.body is null and (new.content_type is not null or new.target is not null))
        or (new.body is not null and (typeof(new.body) not in ('text', 'blob') or length(cast(new.body as blob)) > 1048576
            or new.args is not null))
        or not json_valid(coalesce(new.target, 'null'))
        or case when json_valid(new.args) then json_extract(new.args, '$."$raw"') is not null end;

    insert into holdfast_jobs (tenant, id, queue, task, args, priority, max_attempts, timeout, policy, tags, metadata,
        key, group_key, gates, state, reason, due, expires_at, deadline_at, created_at, updated_at)
    select j.tenant, j.id, coalesce(new.queue, 'default'), new.task, j.args, coalesce(new.priority, 0),
        coalesce(new.retry, 1), coalesce(new.timeout, 3600.0),
        json_patch('{}', json_object('keep_succeeded', new.keep_succeeded, 'keep_failed', new.keep_failed,
            'raw', case when new.body is not null then json('true') end,
            'said', nullif(case when new.retry is null then '' else 'r' end
                || case when new.keep_succeeded is null then '' else 's' end
                || case when new.keep_failed is null then '' else 'f' end, ''))),
        (select json_group_array(value) from (select distinct value from json_each(new.tags)) having count(*) > 0),
        json(new.metadata), new.key, new.group_key, j.gates,
        case when j.due > j.moment then 'scheduled' when j.gates is null then 'ready' else 'blocked' end,
        case when j.due <= j.moment and j.gates is not null then 'gate_entry' end, max(j.due, j.moment),
        cast(j.moment + new.expires * 1000000 as integer), cast(j.moment + new.deadline * 1000000 as integer),
        j.moment, j.moment
    from (
        select t.moment, coalesce(new.tenant, 'default') as tenant,
            coalesce(lower(new.id), printf('%08x-%04x-7%03x-%04x-%012x', t.moment / 1000 >> 16, t.moment / 1000 & 65535,
                random() & 4095, 32768 | (random() & 16383), random() & 281474976710655)) as id,
            case typeof(new.run_at) when 'integer' then new.run_at
                when 'text' then cast(round((julianday(new.run_at) - 2440587.5) * 86400000) as integer) * 1000
                else cast(t.moment + coalesce(new.delay, 0) * 1000000 as integer) end as due,
            case when new.group_key is not null then json_array(json_array('group:' || new.group_key, null, 1,
                coalesce(new.group_limit, 1), null, 0, 0)) end as gates,
            case when new.body is null then json(coalesce(new.args, '{}'))
                else json_object('$raw', case typeof(new.body) when 'text' then 'utf-8' else 'hex' end,
                    'body', case typeof(new.body) when 'text' then new.body else hex(new.body) end,
                    'content_type', new.content_type, 'target', json(coalesce(new.target, 'null'))) end as args
        from (select cast(round((julianday('now') - 2440587.5) * 86400000) as integer) * 1000 as moment) as t
    ) as j
    where not exists (select 1 from holdfast_history h where h.tenant = j.tenant and h.id = j.id)
    on conflict do nothing;
end;
