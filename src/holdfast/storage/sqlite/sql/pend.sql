-- A newer request waits on the row of the job that runs, or undoes what it did: its end makes it the next version. Only where nothing else
-- was put there since it was looked at. Leaves a mark, by which the request finds out what it came to.
--: rows tenant, id, version, request, pending, next, seen
update holdfast_jobs
set pending = '{"at":' || :now || ',' || substr(:pending, 2), updated_at = :now
where tenant = :tenant and id = :id and version = :version and pending is :seen
    and (state = 'running' or (instr(policy, '"undo":"') > 0 and instr(policy, '"undo":""') = 0));
insert into holdfast_marks (tenant, kind, name, id, version, since, keep_until)
select :tenant, 'request', :request, :id, :next, :now, :now + 3600000000 where changes() > 0
