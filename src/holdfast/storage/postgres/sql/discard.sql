-- Removes a live job without a trace in history; whoever runs it is fenced.
--: rows tenant, id, token
delete from "holdfast".jobs j
using unnest(:tenant::text[], :id::uuid[], :token::int8[]) with ordinality as a (tenant, id, token, ord)
where j.tenant = a.tenant and j.id = a.id and j.token = a.token
returning a.ord
