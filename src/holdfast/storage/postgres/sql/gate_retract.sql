-- Takes offers back that nobody has claimed: into the line of `gate`. Only their places in groups stay theirs, and not
-- those where they are passed over.
--: rows tenant, id, gate, passed
with found as materialized (
    select j.place, a.tenant, a.id, a.gate, a.passed, a.ord
    from unnest(:tenant::text[], :id::uuid[], :gate::text[], :passed::int4[])
        with ordinality as a (tenant, id, gate, passed, ord)
    cross join lateral (
        select ctid as place, state from "holdfast".jobs where tenant = a.tenant and id = a.id
        limit 1
        for update skip locked
    ) as j
    where j.state = 'ready'
), seats as materialized (
    select s.place, s.gate, f.gate as line, f.passed from found f
    cross join lateral (
        select ctid as place, gate from "holdfast".gate_jobs where tenant = f.tenant and id = f.id
        order by tenant, id, gate) as s
), left_others as (
    delete from "holdfast".gate_jobs g using seats s
    where g.ctid = s.place and s.gate <> s.line and (s.passed > 0 or s.gate not like 'group:%')
), lined as (
    update "holdfast".gate_jobs g
    set held = false, odd = g.odd or s.passed > 0,
        passed_at = case when s.passed > 0 then coalesce(:now::timestamptz, statement_timestamp()) end
    from seats s where g.ctid = s.place and s.gate = s.line
)
update "holdfast".jobs j
set state = 'blocked', reason = 'gate', updated_at = coalesce(:now::timestamptz, statement_timestamp())
from found f
where j.ctid = f.place
returning f.ord
