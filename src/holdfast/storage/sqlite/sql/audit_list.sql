-- What was done, the newest first: to one job, or to any.
--: read one tenant, about, beyond, batch
select * from (
    select seq, at, verb, actor, id, said, was, became from (
        select * from holdfast_audit where :about is null and tenant = :tenant and seq < :beyond
        order by seq desc limit :batch)
    union all
    select seq, at, verb, actor, id, said, was, became from (
        select * from holdfast_audit where tenant = :tenant and id = :about and seq < :beyond
        order by seq desc limit :batch)
)
order by seq desc
limit :batch
