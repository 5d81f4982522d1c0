-- Merged arguments take the place of those of a job that waits; everything else stays. Only where version and arguments
-- still are what was seen. Leaves a mark, by which the request finds out what it came to.
--: rows tenant, id, version, request, args, seen
update holdfast_jobs
set args = :args, updated_at = :now
where tenant = :tenant and id = :id and version = :version and state <> 'running'
    and case when args = '' then (select p.args from holdfast_payloads p where p.seq = holdfast_jobs.seq)
        else args end = :seen
    and (instr(policy, '"undo":"') = 0 or instr(policy, '"undo":""') > 0);
insert into holdfast_marks (tenant, kind, name, id, version, since, keep_until)
select :tenant, 'request', :request, :id, :version, :now, :now + 3600000000 where changes() > 0
