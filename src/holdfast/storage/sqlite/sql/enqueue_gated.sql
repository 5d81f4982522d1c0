-- Stores new jobs some of which have gates. These are blocked, and stand in the line of the first (`line`) or in none yet:
-- only a look at their gates makes one of them ready. Those due later come to them then.
--: silent rows tenant, id, queue, task, args, priority, delay, run_at, max_attempts, timeout, policy, tags, metadata, expires, deadline, reason, group_key, gates, line, weight, odd
insert into holdfast_jobs (tenant, id, queue, task, args, priority, max_attempts, timeout, policy, tags, metadata,
    state, reason, group_key, gates, due, expires_at, deadline_at, created_at, updated_at)
with given as (:rows)
select tenant, id, queue, task, args, priority, max_attempts, timeout, policy, tags, metadata,
    case when coalesce(run_at, cast(now + delay * 1000000 as integer), 0) > now then 'scheduled'
        when gates is null then 'ready' else 'blocked' end,
    case when coalesce(run_at, cast(now + delay * 1000000 as integer), 0) <= now and gates is not null then reason end,
    group_key, gates, max(now, coalesce(run_at, cast(now + delay * 1000000 as integer), now)),
    cast(now + expires * 1000000 as integer), cast(now + deadline * 1000000 as integer), now, now
from given;
insert into holdfast_gate_jobs (tenant, id, gate, rank, due, seq, weight, odd)
with given as (:rows tenant, id, line, weight, odd)
select j.tenant, j.id, g.line, -j.priority, j.due, j.seq, g.weight, g.odd
from given g cross join holdfast_jobs j on j.tenant = g.tenant and j.id = g.id
where g.line is not null and j.state = 'blocked'
