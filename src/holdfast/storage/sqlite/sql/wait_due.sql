-- Whether a pass has something to do, and whether anybody waits at all.
--: read one
select exists (select 1 from holdfast_wait_notes),
    exists (select 1 from holdfast_waits) or exists (select 1 from holdfast_batches indexed by holdfast_batches_live where state is null)
