-- Locks waits for which messages of before are still to be looked through.
--: one batch
select tenant, id, version, branch, name, nth, pipe, filter, since from holdfast_asks where fresh order by asked_at limit :batch
