-- What a claim whose answer was lost had taken, if it was committed.
--: read one worker, claim
select tenant, id::text, token, version, task, queue, args, priority, attempt, max_attempts, crashes, timeout,
    policy, due, seq, metadata,
    extract(epoch from deadline_at - coalesce(:now::timestamptz, statement_timestamp()))::float8, gates
from "holdfast".jobs
where state = 'running' and worker = :worker::text and claim_id = :claim::uuid
