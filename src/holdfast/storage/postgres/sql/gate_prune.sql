-- Removes gates that nobody has used for a day and nobody has set by hand.
--: one batch
delete from "holdfast".gates
where ctid = any (array (
    select ctid from "holdfast".gates g
    where not edited and updated_at < coalesce(:now::timestamptz, statement_timestamp()) - interval '1 day'
        and not exists (
            select from "holdfast".gate_jobs w where w.tenant = g.tenant and w.gate = g.name and w.held offset 0)
        and not exists (
            select from "holdfast".gate_jobs w where w.tenant = g.tenant and w.gate = g.name and not w.held offset 0)
    order by updated_at
    limit (select :batch::int4)
    for update skip locked
))
returning 1
