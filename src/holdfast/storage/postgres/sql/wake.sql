-- Suspended jobs may go on: due at once, or to stand before their gates. Answers for each job whose row could be locked
-- whether it was suspended, and whether it has gates. Jobs that run are left alone: they look by themselves before they
-- are suspended.
--: rows tenant, id
with asked as materialized (
    select j.place, j.state, j.gates, a.ord
    from unnest(:tenant::text[], :id::uuid[]) with ordinality as a (tenant, id, ord)
    cross join lateral (
        select ctid as place, state, gates from "holdfast".jobs
        where tenant = a.tenant and id = a.id
        limit 1
        for update skip locked
    ) as j
), woken as (
    update "holdfast".jobs j
    set state = case when j.gates is null then 'ready' else 'blocked' end,
        reason = case when j.gates is not null then 'gate_entry' end, due = least(j.due, t.moment), updated_at = t.moment
    from asked a
    cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
    where j.ctid = a.place and a.state = 'suspended'
)
select ord, state = 'suspended', gates is not null from asked
