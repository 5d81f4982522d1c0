-- What tenants with quotas have by now, and what the quotas are.
--: read rows tenant
select t.live, (select count(*) from holdfast_jobs j where j.tenant = t.tenant),
    t.storage, case when t.storage is not null then (
        select coalesce(sum(length(cast(j.args as blob)) + coalesce(length(cast(p.args as blob)), 0)), 0)
        from holdfast_jobs j indexed by holdfast_jobs_id left join holdfast_payloads p on p.seq = j.seq where j.tenant = t.tenant) end
from holdfast_tenants t where t.tenant = :tenant and t.live is not null
