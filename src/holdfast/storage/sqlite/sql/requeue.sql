-- Gives running jobs back: for another try, later, or to whoever can run them. Same guard as finish.sql.
-- An error history of over 256 KiB keeps its first 5 and its newest 45 entries.
--: rows tenant, id, token, state, reason, delay, error, elapsed, uncounted, crashed
update holdfast_jobs
set state = :state, reason = :reason, attempt = attempt - :uncounted, crashes = crashes + :crashed,
    due = case when :delay > 0 then cast(:now + :delay * 1000000 as integer) else due end,
    started_at = coalesce(cast(:now - :elapsed * 1000000 as integer), case when :crashed > 0 then started_at end),
    errors = case when :error is null then errors
        else coalesce(case when length(cast(errors as blob)) > 262144
            then (select '[' || group_concat(e.value, ',') from (
                select value from (select key, value, count(*) over () as most from json_each(errors))
                where key < 5 or key >= most - 44 order by key
            ) e)
            else substr(nullif(errors, '[]'), 1, length(errors) - 1) end || ',', '[') || '{"at":' || :now || ','
            || substr(:error, 2) || ']' end,
    expires_at = case when :uncounted = 0 or :crashed > 0 or :elapsed is not null then null else expires_at end,
    worker = null, claim_id = null, lease_until = null, updated_at = :now
where tenant = :tenant and id = :id and token = :token and state = 'running'
    and (pending is null or (instr(policy, '"undo":"') > 0 and instr(policy, '"undo":""') = 0))
