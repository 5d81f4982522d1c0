-- Jobs newest id first, a page from a cursor on. Ids begin with their time, so the unique indexes give the order.
--: read one tenant, state, queue, task, tag, after, before, batch
select * from (
    select * from (
        select tenant, id, version, seq, task, queue, state, reason, priority, due,
            case when args = '' then coalesce((select p.args from holdfast_payloads p where p.seq = j.seq), '')
                else args end,
            null, key, group_key, tags, metadata, attempt, max_attempts, crashes, timeout, policy, errors, progress,
            schedule_id, worker, created_at, started_at, null, updated_at, 0, token
        from holdfast_jobs j
        where tenant = :tenant and id <= coalesce(:after, 'g') and (id < coalesce(:after, 'g') or version < :before)
            and (:state is null or state = :state)
            and (:queue is null or queue = :queue)
            and (:task is null or task = :task)
            and (:tag is null or case when json_valid(tags) then
                exists (select 1 from json_each(tags) t where t.value = :tag) end)
        order by id desc
        limit :batch
    )
    union all
    select * from (
        select tenant, id, version, seq, task, queue, state, reason, priority, due, args, result, key, group_key,
            tags, metadata, attempt, max_attempts, crashes, timeout, policy, errors, progress, schedule_id, worker,
            created_at, started_at, finished_at, updated_at, stub, token
        from holdfast_history
        where tenant = :tenant and id <= coalesce(:after, 'g') and (id < coalesce(:after, 'g') or version < :before)
            and not stub and keep_until > :now
            and (:state is null or state = :state)
            and (:queue is null or queue = :queue)
            and (:task is null or task = :task)
            and (:tag is null or case when json_valid(tags) then
                exists (select 1 from json_each(tags) t where t.value = :tag) end)
        order by id desc, version desc
        limit :batch
    )
)
order by 2 desc, 3 desc
limit :batch
