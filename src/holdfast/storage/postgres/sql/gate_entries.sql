-- A page of jobs that have come to their gates without standing in line yet: due, retried, or stored on a connection
-- of somebody else's, who must lock no gate.
--: one batch
update "holdfast".jobs
set reason = 'gate', updated_at = coalesce(:now::timestamptz, statement_timestamp())
where ctid = any (array (
    select ctid from "holdfast".jobs
    where state = 'blocked' and reason <> 'gate' and reason = 'gate_entry'
    limit (select :batch::int4)
    for update skip locked
))
returning tenant, id::text, gates, queue, task
