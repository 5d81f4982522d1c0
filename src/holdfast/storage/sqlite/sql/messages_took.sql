-- The jobs that took these messages.
--: read rows tenant, message_id
select id, version from holdfast_asks where tenant = :tenant and message = :message_id
