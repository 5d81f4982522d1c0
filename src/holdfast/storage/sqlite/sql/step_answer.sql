-- Pieces that wait have come to their ends by somebody else's doing; those that wait no more are left as they are.
--: rows tenant, id, version, branch, name, nth, state, result, error
update holdfast_steps set state = :state, result = :result, error = :error, ended_at = :now
where tenant = :tenant and id = :id and version = :version and branch = :branch and name = :name and nth = :nth
    and state = 'waiting'
