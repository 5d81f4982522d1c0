-- What was said of a tenant.
--: read one tenant
select tenant, weight, live, storage, updated_at from "holdfast".tenants where tenant = :tenant::text
