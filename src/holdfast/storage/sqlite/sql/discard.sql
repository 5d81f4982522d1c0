-- Removes a live job without a trace in history; whoever runs it is fenced.
--: rows tenant, id, token
delete from holdfast_jobs where tenant = :tenant and id = :id and token = :token
