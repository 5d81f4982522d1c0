-- Notes who did what to a job, and what it was before and after.
--: silent rows tenant, id, verb, actor, said, was, became, request
insert into holdfast_audit (tenant, id, verb, actor, said, was, became, request, at)
values (:tenant, :id, :verb, :actor, :said, :was, :became, :request, :now)
