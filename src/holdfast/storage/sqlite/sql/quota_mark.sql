-- Whoever enqueues is to look, for some tenant has a quota.
--: silent one
insert into holdfast_meta (name, value)
select 'quotas', '1' where exists (select 1 from holdfast_tenants where live is not null)
on conflict (name) do nothing
