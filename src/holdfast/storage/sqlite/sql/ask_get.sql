-- The wait that has a token.
--: one tenant, secret
select tenant, id, version, branch, name, nth, pipe, filter, since, taken_at is not null from holdfast_asks where token = :secret and tenant = :tenant
