-- A live job, as far as it decides when it runs. Times are seconds from now.
--: read one tenant, id
select version, state, reason, queue, task, case when instr(policy, '"raw"') > 0 then char(9) else char(10) end || queue,
    (due - :now) / 1000000.0, attempt, max_attempts, worker,
    (lease_until - :now) / 1000000.0, stop_reason,
    (expires_at - :now) / 1000000.0,
    (deadline_at - :now) / 1000000.0,
    (:now - started_at) / 1000000.0, gates is not null
from holdfast_jobs where tenant = :tenant and id = :id
