-- Takes what messages are to become out, for whoever makes it in this very transaction: those that were still there.
--: rows tenant, message_id, task
with mine as materialized (
    select d.place, a.ord
    from unnest(:tenant::text[], :message_id::uuid[], :task::text[]) with ordinality as a (tenant, message, task, ord)
    cross join lateral (
        select ctid as place from "holdfast".deliveries
        where tenant = a.tenant and message = a.message and task = a.task
        limit 1
        for update skip locked
    ) as d
)
delete from "holdfast".deliveries d
using mine m
where d.ctid = m.place
returning m.ord
