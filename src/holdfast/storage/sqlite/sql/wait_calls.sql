-- Takes a page of what a pass has to do, the oldest first.
--: one batch
delete from holdfast_wait_notes
where seq in (select seq from holdfast_wait_notes order by seq limit :batch)
returning tenant, id, what, state, count
