-- The messages that have these ids, or else these keys.
--: read rows tenant, id, pipe, key
select id from (
    select id from holdfast_messages where tenant = :tenant and id = :id
    union all
    select id from holdfast_messages where tenant = :tenant and pipe = :pipe and key = :key
) limit 1
