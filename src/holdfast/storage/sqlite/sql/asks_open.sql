-- Who waits for messages of these pipes, a page of each.
--: read rows tenant, pipe, batch
select tenant, id, version, branch, name, nth, pipe, filter, since from holdfast_asks where tenant = :tenant and pipe = :pipe and taken_at is null limit :batch
