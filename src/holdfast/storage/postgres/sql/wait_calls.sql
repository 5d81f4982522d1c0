-- Takes a page of what a pass has to do, the oldest first.
--: one batch
delete from "holdfast".wait_notes
where seq = any (array (
    select seq from "holdfast".wait_notes order by seq limit (select :batch::int4) for update skip locked))
returning tenant, id::text, what, state, count
