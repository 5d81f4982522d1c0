-- Gives jobs that were just claimed what their queue says of jobs that say nothing themselves.
--: silent rows tenant, id, token, policy, max_attempts
update holdfast_jobs set policy = :policy, max_attempts = :max_attempts
where tenant = :tenant and id = :id and token = :token
