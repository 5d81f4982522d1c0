-- Jobs from SQL: from triggers, from psql, from any language. docs/how-to/enqueue-from-sql.md is what they may rely on,
-- and SQLite's file of this name makes a view of the same columns. Parameters are called as the options of `using`.

create function "holdfast".checked_name(value text, what text) returns text
language plpgsql immutable as $$
begin
    if length(value) between 1 and 255 and value !~ '[\u0001-\u001f\u007f-\u009f\u2028\u2029]' then
        return value;
    end if;
    raise exception '% must have 1 to 255 characters, none of control, not %', what,
        coalesce(quote_literal(left(value, 60)), 'null') using errcode = 'invalid_parameter_value';
end $$;

create function "holdfast".checked_seconds(value interval, what text) returns float8
language plpgsql immutable as $$
begin
    if value is null or extract(epoch from value) between 0 and 31557600000 then
        return extract(epoch from value);
    end if;
    raise exception '% must be 0 to 1000 years, not %', what, value using errcode = 'invalid_parameter_value';
end $$;

create function "holdfast".checked_number(value int, what text) returns int
language plpgsql immutable as $$
begin
    if value is null or value >= 1 then
        return value;
    end if;
    raise exception '% must be a whole number from 1, not %', what, value using errcode = 'invalid_parameter_value';
end $$;

create function "holdfast".checked_json(value jsonb, what text) returns text
language plpgsql immutable as $$
begin
    if jsonb_typeof(value) <> 'object' then
        raise exception '% must be a JSON object, not a JSON %', what, jsonb_typeof(value)
            using errcode = 'invalid_parameter_value';
    elsif octet_length(value::text) > 1048576 then
        raise exception '% has % bytes, the limit is 1048576: store it elsewhere and pass where', what,
            octet_length(value::text) using errcode = 'invalid_parameter_value';
    end if;
    return value::text;
end $$;

create function "holdfast".raw_args(body bytea, content_type text, target jsonb) returns jsonb
language plpgsql immutable as $$
declare
    encoding text := 'utf-8';
    content text;
begin
    if length(body) > 1048576 then
        raise exception 'body has % bytes, the limit is 1048576: store it elsewhere and pass where', length(body)
            using errcode = 'invalid_parameter_value';
    end if;
    begin
        content := convert_from(body, 'UTF8');
    exception when others then
        encoding := 'base64';
        content := translate(encode(body, 'base64'), E'\n', '');
    end;
    return jsonb_build_object('$raw', encoding, 'body', content, 'content_type',
        case when content_type is not null then "holdfast".checked_name(content_type, 'content_type') end,
        'target', target);
end $$;

-- UUIDv7, so that ids sort by the time they were made.
create function "holdfast".new_id() returns uuid
language sql volatile as $$
    select (lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::int8), 12, '0') || '7'
        || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid
$$;

-- What a job carries that no statement looks at: see model/policy.py. `said` is what a queue's defaults leave alone.
create function "holdfast".new_policy(retry int, keep_succeeded interval, keep_failed interval, is_raw boolean)
returns text language sql stable as $$
    select replace(replace(jsonb_strip_nulls(jsonb_build_object(
        'keep_succeeded', "holdfast".checked_seconds(keep_succeeded, 'keep_succeeded'),
        'keep_failed', "holdfast".checked_seconds(keep_failed, 'keep_failed'),
        'raw', case when is_raw then true end,
        'said', nullif(concat(case when retry is not null then 'r' end,
            case when keep_succeeded is not null then 's' end, case when keep_failed is not null then 'f' end), '')
    ))::text, '": ', '":'), ', "', ',"')
$$;

-- Stores a job and answers its id: of a key that a live job has, that job's. The last five are named only to be refused.
create function "holdfast".enqueue(task text, args jsonb default '{}', queue text default 'default',
    priority int default 0, run_at timestamptz default null, delay interval default null,
    key text default null, on_conflict text default 'keep', group_key text default null, group_limit int default 1,
    retry int default null, timeout interval default null, expires interval default null,
    deadline interval default null, keep_succeeded interval default null, keep_failed interval default null,
    tags text[] default null, metadata jsonb default null,
    body bytea default null, content_type text default null, target jsonb default null,
    id uuid default null, tenant text default null, wake boolean default true,
    cache text default null, debounce text default null, rate_limit text default null, throttle text default null,
    after text default null) returns uuid
language plpgsql as $$
#variable_conflict use_variable
declare
    moment timestamptz := statement_timestamp();
    new_id uuid := coalesce(id, "holdfast".new_id());
    owner text := "holdfast".checked_name(
        coalesce(tenant, nullif(current_setting('holdfast.tenant', true), ''), 'default'), 'tenant');
    lane text := "holdfast".checked_name(coalesce(queue, 'default'), 'queue');
    wanted timestamptz := coalesce(run_at, moment + "holdfast".checked_seconds(delay, 'delay') * interval '1 second');
    labels jsonb;
    passes text;
    live uuid;
begin
    if coalesce(cache, debounce, rate_limit, throttle, after) is not null then
        raise exception 'cache, debounce, rate_limit, throttle and after are not for jobs from SQL'
            using errcode = 'feature_not_supported',
                hint = 'enqueue a job whose task enqueues with them, or give a key or a group_key';
    elsif coalesce(on_conflict, 'keep') not in ('keep', 'reject') then
        raise exception 'on_conflict must be ''keep'' or ''reject'' for jobs from SQL, not %', quote_literal(on_conflict)
            using errcode = 'feature_not_supported',
                hint = 'a newer job takes the place of a live one only where the app enqueues it';
    elsif run_at is not null and delay is not null then
        raise exception 'give run_at or delay, not both: one of them says when it is due'
            using errcode = 'invalid_parameter_value';
    elsif not run_at between timestamptz 'epoch' and timestamptz '9999-12-31 23:59:59+00' then
        raise exception 'run_at must be from 1970 to 9999, not %', run_at using errcode = 'invalid_parameter_value';
    elsif body is null and (content_type is not null or target is not null) then
        raise exception 'content_type and target are of a raw job: give its body too'
            using errcode = 'invalid_parameter_value';
    elsif body is not null and coalesce(args, '{}') <> '{}' or args ? '$raw' then
        raise exception 'a raw job has a body and no args' using errcode = 'invalid_parameter_value';
    elsif cardinality(tags) > 100 then
        raise exception 'a job has at most 100 tags, not %', cardinality(tags) using errcode = 'invalid_parameter_value';
    end if;
    select jsonb_agg(distinct "holdfast".checked_name(tag, 'a tag')) into labels from unnest(tags) as t (tag);
    if group_key is not null then
        passes := jsonb_build_array(jsonb_build_array('group:' || "holdfast".checked_name(group_key, 'group_key'),
            null, 1, coalesce("holdfast".checked_number(group_limit, 'group_limit'), 1), null, 0, 0))::text;
    end if;
    if id is not null and exists (select from "holdfast".history h where h.tenant = owner and h.id = new_id) then
        return new_id;
    end if;
    loop
        insert into "holdfast".jobs (tenant, id, queue, task, args, priority, max_attempts, timeout, policy, tags,
            metadata, key, group_key, gates, state, reason, due, expires_at, deadline_at, created_at, updated_at)
        select owner, new_id, lane, "holdfast".checked_name(task, 'task'), case
                when body is null then "holdfast".checked_json(coalesce(args, '{}'), 'args')
                else "holdfast".raw_args(body, content_type, target)::text end,
            coalesce(priority, 0), coalesce("holdfast".checked_number(retry, 'retry'), 1),
            coalesce("holdfast".checked_seconds(timeout, 'timeout'), 3600),
            "holdfast".new_policy(retry, keep_succeeded, keep_failed, body is not null), labels::text,
            "holdfast".checked_json(metadata, 'metadata'),
            case when key is not null then "holdfast".checked_name(key, 'key') end, group_key, passes,
            case when wanted > moment then 'scheduled' when passes is null then 'ready' else 'blocked' end,
            case when coalesce(wanted, moment) <= moment and passes is not null then 'gate_entry' end,
            greatest(wanted, moment), moment + "holdfast".checked_seconds(expires, 'expires') * interval '1 second',
            moment + "holdfast".checked_seconds(deadline, 'deadline') * interval '1 second', moment, moment
        on conflict do nothing;
        exit when found;
        select j.id into live from "holdfast".jobs j
        where j.tenant = owner and (j.id = new_id or (j.queue = lane and j.key = enqueue.key)) limit 1;
        if live is not null and on_conflict = 'reject' and live <> new_id then
            raise exception 'job % has the key % in queue %; nothing was stored', live, quote_literal(key),
                quote_literal(lane) using errcode = 'unique_violation';
        elsif live is not null then
            return live;
        end if;
    end loop;
    if wake and coalesce(wanted, moment) <= moment then
        perform pg_notify('holdfast_' || left(encode(sha256(convert_to(n.nspname, 'UTF8')), 'hex'), 16), '')
        from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = '"holdfast".jobs'::regclass;
    end if;
    return new_id;
end $$;
