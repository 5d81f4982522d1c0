-- The same, to be removed next.
--: one tenant, key
select value from "holdfast".metadata where tenant = :tenant::text and key = :key::text for update
