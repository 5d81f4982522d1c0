-- Jobs that waited become ready where a worker takes what is left of their queue; see claim.sql.
--: one tasks, batch
update holdfast_jobs
set state = case when gates is null then 'ready' else 'blocked' end,
    reason = case when gates is not null then 'gate_entry' end, updated_at = :now
where seq in (
    select seq from holdfast_jobs
    where instr(reason, 'unknown_task') = 1 and state || '' = 'blocked'
        and case when instr(policy, '"raw"') > 0 then char(9) else char(10) end || queue
            in (select value from json_each(:tasks))
    limit :batch
)
returning gates is not null
