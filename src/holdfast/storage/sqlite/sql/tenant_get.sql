-- What was said of a tenant.
--: read one tenant
select tenant, weight, live, storage, updated_at from holdfast_tenants where tenant = :tenant
