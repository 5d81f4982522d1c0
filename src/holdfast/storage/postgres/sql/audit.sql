-- Notes who did what to a job, and what it was before and after.
--: silent rows tenant, id, verb, actor, said, was, became, request
insert into "holdfast".audit (tenant, id, verb, actor, said, was, became, request, at)
select a.tenant, a.id, a.verb, a.actor, a.said, a.was, a.became, a.request, coalesce(:now::timestamptz, statement_timestamp())
from unnest(:tenant::text[], :id::uuid[], :verb::text[], :actor::text[], :said::text[], :was::text[], :became::text[],
    :request::text[]) with ordinality as a (tenant, id, verb, actor, said, was, became, request, ord)
order by a.ord
