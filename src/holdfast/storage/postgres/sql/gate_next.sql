-- Offers the next jobs of locked gates without a spacing, in whose line there is nothing odd: as many as there is room
-- for. Answers the gates that need a long look instead, or as well: with something odd in them, a job in line that somebody
-- has locked, or one that is better than who has a place.
--: rows tenant, gate, size
with asked as materialized (
    select a.*, u.used, u.worst, o.odd
    from unnest(:tenant::text[], :gate::text[], :size::int4[]) with ordinality as a (tenant, gate, size, ord)
    cross join lateral (
        select coalesce(sum(weight), 0) as used, max(rank) as worst from (
            select weight, rank from "holdfast".gate_jobs where tenant = a.tenant and gate = a.gate and held
            order by tenant, gate, id offset 0) as seats) as u
    cross join lateral (
        select exists (select from "holdfast".gate_jobs where tenant = a.tenant and gate = a.gate and odd) as odd) as o
), picked as materialized (
    select a.ord, a.tenant, w.id, w.place, w.rank < a.worst as better, a.used < a.size as fits
    from asked a
    cross join lateral (
        select ctid as place, id, rank from "holdfast".gate_jobs
        where tenant = a.tenant and gate = a.gate and not held
        order by tenant, gate, rank, due, seq limit (select greatest(a.size - a.used, 1))
    ) as w
    where not a.odd
), found as materialized (
    select p.ord, p.place as seat, j.place, j.state
    from picked p
    left join lateral (
        select ctid as place, state from "holdfast".jobs where tenant = p.tenant and id = p.id
        limit 1
        for update skip locked
    ) as j on true
    where p.fits
), seated as (
    update "holdfast".gate_jobs g set held = true from found f where g.ctid = f.seat and f.state = 'blocked'
), offered as (
    update "holdfast".jobs j
    set state = 'ready', reason = null, updated_at = coalesce(:now::timestamptz, statement_timestamp())
    from found f where j.ctid = f.place and f.state = 'blocked'
)
select ord from asked where odd
union select ord from picked where better
union select ord from found where state is distinct from 'blocked'
