-- Nobody is to look any more where no tenant has a quota.
--: silent one
delete from holdfast_meta where name = 'quotas' and not exists (select 1 from holdfast_tenants where live is not null)
