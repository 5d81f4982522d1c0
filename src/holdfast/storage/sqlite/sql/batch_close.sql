-- No more is added to batches but by their own jobs; `stop`: nor by these. One that does not come back has ended, or is
-- locked by somebody who adds to it.
--: rows tenant, id, stop
update holdfast_batches set open = 0, stopped = stopped or :stop > 0
where tenant = :tenant and id = :id and state is null
