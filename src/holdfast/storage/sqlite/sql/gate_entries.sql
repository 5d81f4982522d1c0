-- A page of jobs that have come to their gates without standing in line yet: due, retried, or stored on a connection
-- of somebody else's, who must lock no gate.
--: one batch
update holdfast_jobs set reason = 'gate', updated_at = :now
where seq in (
    select seq from holdfast_jobs where state = 'blocked' and reason <> 'gate' and reason = 'gate_entry' limit :batch)
returning tenant, id, gates, queue, task
