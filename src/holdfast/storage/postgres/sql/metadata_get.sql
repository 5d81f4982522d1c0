-- A tenant's value of a key.
--: read one tenant, key
select value from "holdfast".metadata where tenant = :tenant::text and key = :key::text
