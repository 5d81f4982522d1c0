-- Locks running jobs whose lease has run out, for the rescue that follows in the same transaction.
-- None right after the server came back: nobody could renew meanwhile, and that is no crash.
--: one batch, grace
select tenant, id::text, token, attempt, max_attempts, crashes, policy, worker, task, queue, stop_reason, gates
from "holdfast".jobs
where state = 'running' and lease_until < coalesce(:now::timestamptz, statement_timestamp())
    and (:now::timestamptz is not null
        or statement_timestamp() > pg_postmaster_start_time() + :grace::float8 * interval '1 second')
order by lease_until
limit (select :batch::int4)
for update skip locked
