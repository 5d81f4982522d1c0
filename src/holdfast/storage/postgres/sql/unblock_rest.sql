-- Jobs that waited become ready where a worker takes what is left of their queue; see claim.sql.
-- State and reason are asked for in the words of the index that is to be used, and of no other.
--: one tasks, batch
update "holdfast".jobs
set state = case when gates is null then 'ready' else 'blocked' end,
    reason = case when gates is not null then 'gate_entry' end, updated_at = coalesce(:now::timestamptz, statement_timestamp())
where ctid = any (array (
    select ctid from "holdfast".jobs
    where strpos(reason, 'unknown_task') = 1 and state || '' = 'blocked'
        and (case when strpos(policy, '"raw"') > 0 then chr(9) else chr(10) end || queue) = any (:tasks::text[])
    limit :batch::int4
    for update skip locked
))
returning gates is not null
