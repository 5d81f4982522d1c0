-- Opens a gate again that a failure has shut. The place of a job that was retried meanwhile stays its own.
--: one tenant, gate
with shut as materialized (
    select s.place, j.id is not null as alive
    from (select ctid as place, id from "holdfast".gate_jobs
        where tenant = :tenant::text and gate = :gate::text and stop
        order by tenant, gate, id offset 0) as s
    left join lateral (select id from "holdfast".jobs where tenant = :tenant::text and id = s.id limit 1) as j on true
), gone as (
    delete from "holdfast".gate_jobs g using shut s where g.ctid = s.place and not s.alive
    returning 1 as one
), opened as (
    update "holdfast".gate_jobs g set stop = false from shut s where g.ctid = s.place and s.alive
    returning 1 as one
)
select one from gone union all select one from opened
