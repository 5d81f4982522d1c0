-- What a claim whose answer was lost had taken, if it was committed.
--: read one worker, claim
select tenant, id, token, version, task, queue,
    case when args = '' then coalesce((select p.args from holdfast_payloads p where p.seq = j.seq), '')
        else args end,
    priority, attempt, max_attempts, crashes, timeout, policy, due, seq, metadata,
    (deadline_at - :now) / 1000000.0, gates
from holdfast_jobs j
where state = 'running' and worker = :worker and claim_id = :claim
