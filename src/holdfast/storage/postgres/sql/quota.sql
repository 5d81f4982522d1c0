-- What tenants with quotas have by now, and what the quotas are.
--: read rows tenant
select asked.ord, t.live, (select count(*) from (
        select from "holdfast".jobs j where j.tenant = asked.tenant limit (select t.live)) as jobs),
    t.storage, case when t.storage is not null then (
        select coalesce(sum(octet_length(j.args)), 0)::int8 from "holdfast".jobs j where j.tenant = asked.tenant) end
from unnest(:tenant::text[]) with ordinality as asked (tenant, ord)
join "holdfast".tenants t on t.tenant = asked.tenant and t.live is not null
