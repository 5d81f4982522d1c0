-- The wait that has a token.
--: one tenant, secret
select tenant, id::text, version, branch, name, nth, pipe, filter, since, taken_at is not null from "holdfast".asks
where token = :secret::text and tenant = :tenant::text
for no key update
