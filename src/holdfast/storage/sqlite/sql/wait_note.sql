-- Says what a pass has to do.
--: silent rows tenant, id, what, state, count
insert into holdfast_wait_notes (tenant, id, what, state, count) values (:tenant, :id, :what, :state, :count)
