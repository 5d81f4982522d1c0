-- A live job, as far as it decides when it runs. Times are seconds from now.
--: read one tenant, id
select version, state, reason, queue, task, case when strpos(policy, '"raw"') > 0 then chr(9) else chr(10) end || queue,
    extract(epoch from due - coalesce(:now::timestamptz, statement_timestamp()))::float8, attempt, max_attempts, worker,
    extract(epoch from lease_until - coalesce(:now::timestamptz, statement_timestamp()))::float8, stop_reason,
    extract(epoch from expires_at - coalesce(:now::timestamptz, statement_timestamp()))::float8,
    extract(epoch from deadline_at - coalesce(:now::timestamptz, statement_timestamp()))::float8,
    extract(epoch from coalesce(:now::timestamptz, statement_timestamp()) - started_at)::float8, gates is not null
from "holdfast".jobs where tenant = :tenant::text and id = :id::uuid
