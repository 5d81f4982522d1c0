-- Ends a stalled job by hand: its newest version in history takes the state and the result it is given.
--: rows tenant, id, version, state, reason, result
update holdfast_history
set state = :state, reason = :reason, result = :result, updated_at = :now
where tenant = :tenant and id = :id and version = :version and state = 'stalled'
