-- Jobs newest id first, a page from a cursor on. Ids begin with their time, so the primary keys give the order
-- (of the column: an unqualified `id` would be the text that is answered, and a sort of the whole table).
--: read one tenant, state, queue, task, tag, after, before, batch
select * from (
    (select tenant, id::text, version, seq, task, queue, state, reason, priority, due, args, null::text as result, key,
        group_key, tags, metadata, attempt, max_attempts, crashes, timeout, policy, errors, progress, schedule_id,
        worker, created_at, started_at, null::timestamptz as finished_at, updated_at, false as stub, token
    from "holdfast".jobs j
    where tenant = :tenant::text and id <= coalesce(:after::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
        and (id < coalesce(:after::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff') or version < :before::int4)
        and (:state::text is null or state = :state::text)
        and (:queue::text is null or queue = :queue::text)
        and (:task::text is null or task = :task::text)
        and (:tag::text is null or "holdfast".has_tag(tags, :tag::text))
    order by j.tenant desc, j.id desc
    limit :batch::int4)
    union all
    (select tenant, id::text, version, seq, task, queue, state, reason, priority, due, args, result, key,
        group_key, tags, metadata, attempt, max_attempts, crashes, timeout, policy, errors, progress, schedule_id,
        worker, created_at, started_at, finished_at, updated_at, stub, token
    from "holdfast".history h
    where tenant = :tenant::text and id <= coalesce(:after::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
        and (id < coalesce(:after::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff') or version < :before::int4)
        and not stub and keep_until > coalesce(:now::timestamptz, statement_timestamp())
        and (:state::text is null or state = :state::text)
        and (:queue::text is null or queue = :queue::text)
        and (:task::text is null or task = :task::text)
        and (:tag::text is null or "holdfast".has_tag(tags, :tag::text))
    order by h.tenant desc, h.id desc, h.version desc
    limit :batch::int4)
) page
order by id desc, version desc
limit :batch::int4
