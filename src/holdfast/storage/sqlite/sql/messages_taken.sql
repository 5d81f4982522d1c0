-- Notes to how many tasks messages were given.
--: silent rows tenant, id, count
update holdfast_messages set taken = :count where tenant = :tenant and id = :id
