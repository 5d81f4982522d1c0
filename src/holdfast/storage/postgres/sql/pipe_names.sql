-- The pipes of a tenant that have messages.
--: read one tenant
with recursive found (pipe) as (
    (select pipe from "holdfast".messages where tenant = :tenant::text order by tenant, pipe, seq limit 1)
    union all
    select (
        select m.pipe from "holdfast".messages m where m.tenant = :tenant::text and m.pipe > found.pipe
        order by m.tenant, m.pipe, m.seq limit 1)
    from found where found.pipe is not null
)
select pipe from found where pipe is not null
