-- Closed batches end, once, where every job of theirs has ended and is counted. A statement of its own after the one that
-- locked them, for what that waited for must be seen.
--: rows tenant, id, state
update holdfast_batches set state = :state, finished_at = :now, keep_until = cast(:now + keep * 1000000 as integer)
where tenant = :tenant and id = :id and state is null and not open
    and not exists (select 1 from holdfast_waits w where w.tenant = :tenant and w.id = :id)
    and not exists (select 1 from holdfast_wait_notes n where n.tenant = :tenant and n.id = :id and n.what = 'batch')
