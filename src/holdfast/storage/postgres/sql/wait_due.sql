-- Whether a pass has something to do, and whether anybody waits at all.
--: read one
select exists (select from "holdfast".wait_notes),
    exists (select from "holdfast".waits) or exists (select from "holdfast".batches where state is null and tenant <> '')
