-- What was done, the newest first: to one job, or to any.
--: read one tenant, about, beyond, batch
select seq, at, verb, actor, id::text, said, was, became from (
    (select * from "holdfast".audit where :about::uuid is null and tenant = :tenant::text and seq < :beyond::int8
    order by tenant desc, seq desc limit :batch::int4)
    union all
    (select * from "holdfast".audit where tenant = :tenant::text and id = :about::uuid and seq < :beyond::int8
    order by tenant desc, id desc, seq desc limit :batch::int4)
) found
order by seq desc
limit :batch::int4
