-- It was looked who waits for these messages.
--: silent rows tenant, id
update holdfast_messages set fresh = 0 where tenant = :tenant and id = :id
