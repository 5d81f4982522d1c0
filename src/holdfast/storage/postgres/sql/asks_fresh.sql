-- Locks waits for which messages of before are still to be looked through.
--: one batch
select tenant, id::text, version, branch, name, nth, pipe, filter, since from "holdfast".asks where fresh
order by asked_at
limit (select :batch::int4)
for update skip locked
