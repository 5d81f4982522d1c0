-- Tenants of which something was said, by name: a page.
--: read one after_tenant, batch
select tenant, weight, live, storage, updated_at from holdfast_tenants where tenant > :after_tenant
order by tenant limit :batch
