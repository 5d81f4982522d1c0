-- Removes gates that nobody has used for a day and nobody has set by hand.
--: one batch
delete from holdfast_gates
where rowid in (
    select g.rowid from holdfast_gates g
    where not g.edited and g.updated_at < :now - 86400000000
        and not exists (select 1 from holdfast_gate_jobs w indexed by holdfast_gate_jobs_held
            where w.tenant = g.tenant and w.gate = g.name and w.held)
        and not exists (select 1 from holdfast_gate_jobs w indexed by holdfast_gate_jobs_line
            where w.tenant = g.tenant and w.gate = g.name and not w.held)
    order by g.updated_at
    limit :batch
)
returning 1
