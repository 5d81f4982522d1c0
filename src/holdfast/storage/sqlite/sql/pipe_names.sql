-- The pipes of a tenant that have messages.
--: read one tenant
with recursive found (pipe) as (
    select * from (select pipe from holdfast_messages where tenant = :tenant order by tenant, pipe limit 1)
    union all
    select (
        select m.pipe from holdfast_messages m where m.tenant = :tenant and m.pipe > found.pipe
        order by m.tenant, m.pipe limit 1)
    from found where found.pipe is not null
)
select pipe from found where pipe is not null
